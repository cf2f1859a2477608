"""Is that the response to what was request? Counts, and keeps what is wrong."""

import gzip
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import brotli

from tests.support.abuse.connection import Response
from tests.support.abuse.edits import Edits
from tests.support.abuse.pages import size_of, version_in
from tests.support.abuse.requests import Request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Page, version, and coding.
TAG = re.compile(r'"(\d+)-(\d+)(?:-+[a-z]+\d+)?"')
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
DECODED = {"br": brotli.decompress, "zstd": zstd.decompress, "gzip": gzip.decompress, "": bytes}
RIGHT = {"get": (200,), "coded": (200,), "conditional": (200, 304), "head": (200,), "range": (206, 416)}


@dataclass
class Judge:
    edits: Edits = field(default_factory=Edits)
    totals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    # The last that was seen, by page.
    tags: dict[int, str] = field(default_factory=dict)

    def hear(self, request: Request, response: Response, began: float) -> None:
        self.totals["answers"] += 1
        self.totals[str(response.status)] += 1
        self.totals["hits"] += "; hit" in response.fields.get("cache-status", "")
        self.totals["stale"] += response.is_stale
        if fault := self.fault(request, response, began):
            self.blame(f"{fault}: {request.kind} {request.number}, {response.status} {response.fields}")

    def blame(self, what: str) -> None:
        self.wrong.append(what)

    def fault(self, request: Request, response: Response, began: float) -> str:
        """Empty for none."""
        if request.kind == "echo":
            return "" if (response.status, response.body) == (200, request.body) else "not what was sent"
        if response.status not in RIGHT[request.kind]:
            return "a wrong status"
        if response.status == 416:
            return ""
        version = version_of(request, response)
        if version is None:
            return "not of this page"
        self.tags[request.number] = response.fields["etag"]
        if not self.edits.allows(request.number, version, began, stale=response.is_stale):
            oldest = self.edits.oldest(request.number, began, stale=response.is_stale)
            return f"version {version}, not of {oldest} to {self.edits.begun[request.number]}"
        return ""


def version_of(request: Request, response: Response) -> int | None:
    """The version in tag and body, if both are of that page and agree."""
    tag = TAG.fullmatch(response.fields["etag"])
    if tag is None or int(tag[1]) != request.number:
        return None
    version = int(tag[2])
    match response.status, request.kind:
        case 304, _:
            agrees = request.tag.split("-")[:2] == response.fields["etag"].split("-")[:2]
        case _, "head":
            agrees = response.fields["content-length"] == str(size_of(request.number))
        case 206, _:
            agrees = version == version_in_part(request.number, response)
        case _:
            body = DECODED[response.fields.get("content-encoding", "")](response.body)
            agrees = len(body) == size_of(request.number) and version == version_in(body, request.number)
    return version if agrees else None


def version_in_part(number: int, response: Response) -> int | None:
    part = RANGE.fullmatch(response.fields["content-range"])
    if part is None:
        return None
    begin, last, size = map(int, part.groups())
    if size != size_of(number) or len(response.body) != last - begin + 1:
        return None
    return version_in(response.body, number, begin)
