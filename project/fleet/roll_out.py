"""A new release, and the way back, in the steps of docs/deploying.md: no request is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from project.fleet import release
from project.fleet.layout import LOOPBACK
from project.supervision import CannotStart

if TYPE_CHECKING:
    from project.fleet.fleet import Fleet

SECONDS = 200.0
PAUSE = 0.1
WARM = ("cutover", "--prepare", "--within", "120")
# The tag of every page. Warm pages of the new release are one request to a web host away.
PAGES = "resource:page"


async def upgrade(fleet: "Fleet", source: Path) -> AsyncIterator[str]:
    """To the code in that folder. Yields each step before it is taken. Raises CannotStart."""
    layout = fleet.layout
    if not (source / "manage.py").is_file():
        raise CannotStart(f"{source} has no release: there is no manage.py.")
    folder = release.next_folder(layout)
    yield "unpack"
    await asyncio.to_thread(release.unpack, source, folder)
    yield "expand the tables"
    static = {"EVERGREEN_STATIC_ROOT": str(folder / "static")}
    await fleet.manage(folder, "prepare", environment=static)
    await asyncio.to_thread(release.share_static, layout, folder)
    async for step in roll_out(fleet, folder):
        yield step


async def roll_out(fleet: "Fleet", folder: Path) -> AsyncIterator[str]:
    """Let all processes run the release of that folder, one after another."""
    release.point_current(fleet.layout, folder)
    yield "warm"
    await fleet.restart("worker1")
    await fleet.manage(folder, *WARM, may_fail=True)
    for name in ("web1", "web2"):
        yield f"reload {name}"
        await reload(fleet, name)
    yield "restart the worker of the release before, and beat"
    await fleet.restart("worker2")
    await fleet.restart("beat")
    yield "purge Varnish"
    await asyncio.to_thread(purge_pages, fleet.layout.port_of("varnish"))


async def reload(fleet: "Fleet", name: str) -> None:
    """Returns when no worker process of the release before is left."""
    process = fleet.children[name].process
    if process is None:
        raise CannotStart(f"{name} does not run.")
    before = children_of(process.pid)
    fleet.reload(name)
    deadline = asyncio.get_running_loop().time() + SECONDS
    while children_of(process.pid) & before:
        if asyncio.get_running_loop().time() > deadline:
            raise CannotStart(f"{name} still has processes of the release before after {SECONDS:g} s.")
        await asyncio.sleep(PAUSE)


def children_of(pid: int) -> set[int]:
    """Of all its threads. Linux only."""
    found: set[int] = set()
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        found |= set(map(int, file.read_text().split()))
    return found


def purge_pages(port: int) -> None:
    """Pages of the release before would stay in Varnish for as long as their lifetime."""
    request = Request(f"http://{LOOPBACK}:{port}/", method="PURGE", headers={"xkey-purge": PAGES})
    urlopen(request, timeout=10).close()  # noqa: S310 - our own address
