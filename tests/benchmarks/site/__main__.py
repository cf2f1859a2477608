"""`make bench ONLY=site`: readers of the whole site while somebody edits it, with our cache and with others.

python -m tests.benchmarks.site [--seconds N] [--rounds N] [--connections N]
"""

import argparse
import http.client
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.contender import Contender
from tests.benchmarks.edge import site
from tests.benchmarks.load import Load, is_there, wrk
from tests.benchmarks.precision import POSTS, urls
from tests.benchmarks.rounds import console
from tests.benchmarks.runs import ROUNDS, Measured, in_turn, show
from tests.benchmarks.site.contenders import CACHE_PAGE, Site, running_sites
from tests.benchmarks.site.paths import write_paths
from tests.support.servers.redis import running_redis

SECONDS = 5
CONNECTIONS = 32
READERS = Path(__file__).with_name("readers.lua")
# Requests from where one run begins in the list to where the next does: no two runs are alike, nor are two machines'.
STEP = 7919


def main() -> None:
    options = arguments()
    with running_redis() as redis, site(redis.url) as call, tempfile.TemporaryDirectory() as folder:
        paths = content(call)
        drawn = write_paths(paths, Path(folder) / "paths")
        with running_sites(Path(os.environ["EVERGREEN_STATE_DIR"])) as sites:
            for each in sites.values():
                warm(each.server, paths)
            console.print(
                f"{len(paths)} pages, all warm; {options.connections} connections, an edit a second; "
                f"medians of {options.rounds} rounds of {options.seconds} s.\n"
            )
            readers = Readers(sites, drawn, options.connections, options.seconds)
            measured = in_turn([each.server for each in sites.values()], readers.read, options.rounds)
            more = {"hits": hit_ratio, "edits shown": readers.edits_shown}
            show("The whole site, Zipf-distributed, one process on one core", measured, CACHE_PAGE, more)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.site")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of a run (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="for the median (default %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="of readers (default %(default)s)")
    return parser.parse_args()


def content(call: Callable[..., Any]) -> list[str]:
    """A blog of 509 posts where there is one beside the checkout, else the demo's; every page of it."""
    from django.db import connections
    from django.utils.encoding import iri_to_uri

    if POSTS.is_dir():
        call("import_content", str(POSTS), verbosity=0)
    else:
        call("demo_content", verbosity=0)
    paths = [iri_to_uri(path) for path in urls()]
    # The file of the database is whole now, and can be copied.
    connections.close_all()
    return paths


class Readers:
    """`shown`, `edited`: by contender, edits that the pages showed right after a run, and all edits in it."""

    def __init__(self, sites: dict[str, Site], drawn: Path, connections: int, seconds: int) -> None:
        self.sites = sites
        self.drawn = drawn
        self.connections = connections
        self.seconds = seconds
        self.runs = count()
        self.shown: Counter[str] = Counter()
        self.edited: Counter[str] = Counter()

    def read(self, contender: Contender) -> Load:
        editor, arguments = self.sites[contender.name].editor, (self.drawn, next(self.runs) * STEP)
        editor.marks.clear()
        with editor.edit_every_second():
            load = wrk(contender.url(""), self.connections, self.seconds, script=READERS, arguments=arguments)
        pages = read_pages(contender, editor.marks)
        self.edited[contender.name] += len(editor.marks)
        self.shown[contender.name] += sum(mark.encode() in pages[path] for path, mark in editor.marks.items())
        return load

    def edits_shown(self, measured: Measured) -> str:
        return f"{self.shown[measured.name]} of {self.edited[measured.name]}"


def hit_ratio(measured: Measured) -> str:
    return f"{measured.median(lambda run: run.load.told['hits'] / run.load.requests):.1%}"


def warm(contender: Contender, paths: Iterable[str]) -> None:
    """Twice: what the first page of a kind has read is there for the next."""
    for _ in range(2):
        read_pages(contender, paths)


def read_pages(contender: Contender, paths: Iterable[str]) -> dict[str, bytes]:
    """The pages, each of which must be there."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    pages = {}
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        pages[path] = response.read()
        assert response.status == 200, f"{contender.name}: {response.status} for {path}"
    connection.close()
    return pages


if __name__ == "__main__" and is_there():
    main()
