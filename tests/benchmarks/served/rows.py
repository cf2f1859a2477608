"""The rows of the table: one kind of request each, and its right response."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.served.contenders import MAKERS, OURS, PLAIN
from tests.benchmarks.served.pages import PAGES, Page

EVERYBODY = tuple(MAKERS)
CACHES = (OURS, PLAIN, "nginx", "Varnish")


@dataclass(frozen=True)
class Row:
    """`contenders`: their names. `many`: so many pages of that kind are asked for, any of them at any time."""

    title: str
    path: str = "/8k"
    contenders: tuple[str, ...] = CACHES
    connections: int = 32
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    many: int = 0

    @property
    def page(self) -> Page:
        return PAGES["/8k" if self.many else self.path]

    @property
    def body(self) -> bytes:
        """Bytes in the body of the right response."""
        if self.status == 304 or self.method == "HEAD":
            return b""
        return self.page.compressed if self.headers.get("Accept-Encoding") == "br" else self.page.body


ROWS = {
    "hit": Row("A hit of 8 KB, 32 connections", contenders=EVERYBODY),
    "one": Row("A hit of 8 KB, 1 connection", connections=1),
    "many": Row("A hit of 8 KB, 512 connections", connections=512),
    "large": Row("A hit of 100 kB", path="/100k"),
    "brotli": Row("A hit of 8 KB in brotli, as the origin sent it", "/8k-varies", headers={"Accept-Encoding": "br"}),
    "few": Row("Any of 10 pages of 8 KB", "/many/0", many=10),
    "spread": Row("Any of 100,000 pages of 8 KB", "/many/0", many=100_000),
    "conditional": Row("If-None-Match of the page, answered 304", headers={"If-None-Match": '"1"'}, status=304),
    "head": Row("HEAD", method="HEAD"),
}
