"""The whole service on a database, a Varnish before it, and around it one process that writes and three that read."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Browser, Page

from content.cdn.follower import MERGE_WINDOW, REPEAT_AFTER, WAIT
from tests.support.flows.child import Child
from tests.support.flows.observer import IN_PASSING
from tests.support.flows.scene import Sight
from tests.support.flows.sights import own_part, path_of, words_of
from tests.support.flows.ways import WayOfWriting
from tests.support.markdown import write_posts
from tests.support.servers.process import free_port
from tests.support.servers.varnish import VarnishServer, running_varnish
from tests.support.service import READY, environment_of, running_service
from tests.support.wait import wait_until

# A write that is seen later than this is taken for one that is never seen.
SECONDS = 10.0
# How long readers look for it. They begin before the write, which may take a while.
PATIENCE = 60.0
# Longer than the relay takes to look and to append, and a follower of the log to purge Varnish for the second time.
RELAYED, PURGED = 0.1, REPEAT_AFTER + MERGE_WINDOW + 2 * WAIT


@dataclass
class Record:
    """Seconds from the commit until a sight of a tier was new, and until the last read began that was not.

    The first has the time of the load in it.
    """

    way: str
    database: str
    tier: str
    delay: float
    old_for: float


# A tier, when a sight of it was new, and when the last read began that was not.
Seen = tuple[str, float, float]


@dataclass
class Stage:
    """`play` writes in one way, and looks at it everywhere."""

    database: str
    writer: Child
    observers: list[Child]
    varnish: VarnishServer | None = None
    browser_page: Page | None = None
    records: list[Record] = field(default_factory=list)

    def play(self, way: WayOfWriting) -> None:
        """Old everywhere and cached, then written, then new everywhere, and still new when it is read again.

        Where nothing is to be seen, what was cached stays cached.
        """
        number = next(numbers)
        prepared = self.writer.ask(prepare=way.name, number=number)
        assert not prepared["missed"], f"it is not as it should be before the write: {prepared['missed']}"
        looking = {"sights": prepared["sights"], "number": number, "seconds": PATIENCE}
        sights = [Sight(**sight) for sight in prepared["sights"]]
        if way.is_silent:
            self.settle()
        self.all_see(**looking, state="old")
        if self.browser_page:
            self.browser_sees(sights, number, is_new=False)
        for observer in self.observers:
            observer.send(**looking, state="new")
        written = self.writer.ask(write=True)
        assert not written["missed"], f"the writer's next read is old: {written['missed']}"
        seen = [each for observer in self.observers for each in self.receive_seen(observer)]
        if way.is_silent:
            self.writer.ask(settle=RELAYED)
            self.all_see(**looking | {"seconds": 0}, state="old")
            return
        documents = [sight for sight in prepared["sights"] if sight["subject"] in ("post", "page")]
        seen += self.all_see(**looking | {"sights": documents}, tiers=[IN_PASSING], state="new")
        if self.browser_page:
            seen += self.browser_sees(sights, number, is_new=True)
        committed_at = written["committed_at"]
        records = [
            Record(way.name, self.database, tier, max(0.0, at - committed_at), max(0.0, old_until - committed_at))
            for tier, at, old_until in seen
        ]
        late = [(each.tier, each.delay) for each in records if each.delay > SECONDS]
        assert not late, f"seen after more than {SECONDS:g} s: {late}"
        if not way.is_timed:
            self.records += records

    def settle(self) -> None:
        """Wait until all that was written before is relayed and purged."""
        self.writer.ask(settle=PURGED if self.varnish else RELAYED)

    def all_see(self, **looking: Any) -> list[Seen]:
        for observer in self.observers:
            observer.send(**looking)
        return [each for observer in self.observers for each in self.receive_seen(observer)]

    def receive_seen(self, observer: Child) -> list[Seen]:
        answer = observer.receive()
        assert not answer["missing"], f"not seen in time: {answer['missing']}"
        assert not answer["back"], f"it was new, and is old again: {answer['back']}"
        return answer["seen"]

    def browser_sees(self, sights: list[Sight], number: int, *, is_new: bool) -> list[Seen]:
        """Go to each address, through Varnish, as a reader does who comes back."""
        return [self.browser_sees_one(sight, number, is_new=is_new) for sight in sights]

    def browser_sees_one(self, sight: Sight, number: int, *, is_new: bool) -> Seen:
        page = self.browser_page
        assert page is not None
        deadline, old_until = time.monotonic() + SECONDS, 0.0
        while True:
            begun = time.monotonic()
            marks = self.marks_in_browser(page, sight, number)
            if sight.is_new(marks) if is_new else sight.is_old(marks):
                return "browser", time.monotonic(), old_until
            old_until = begun
            assert time.monotonic() < deadline, f"browser, {sight.subject} {sight.key}: {sorted(marks)}"

    def marks_in_browser(self, page: Page, sight: Sight, number: int) -> set[str]:
        assert self.varnish is not None
        response = page.goto(self.varnish.url + path_of(sight.subject, sight.key), wait_until="commit")
        assert response is not None
        first = response.request
        while first.redirected_from is not None:
            first = first.redirected_from
        if first is not response.request:
            answer = first.response()
            assert answer is not None
            return {str(answer.status)} | words_of(answer.headers.get("location", ""), number)
        text = own_part(response.text()) if response.status == 200 else ""
        return {str(response.status)} | words_of(text, number)


numbers = itertools.count(1)


@contextmanager
def running_stage(folder: Path, database: str, url: str, *, browser: Browser | None = None) -> Iterator[Stage]:
    """`url`: of an empty database. With a browser, there is a Varnish before the service."""
    with ExitStack() as stack:
        posts = write_posts(folder / "posts", 3)
        port = free_port()
        varnish = stack.enter_context(running_varnish(port)) if browser else None
        given = {
            "DATABASE_URL": url,
            "EVERGREEN_COMMENT_SECONDS": "0",
            "EVERGREEN_COMMENTS_A_MINUTE": "1000",
            "EVERGREEN_COMMENTS_AN_HOUR": "1000",
        }
        if varnish:
            given["EVERGREEN_CDN"] = f"varnish://{varnish.place}"
        state = folder / "state"
        service = stack.enter_context(running_service(state, "--import", str(posts), environment=given, port=port))
        service.wait_for_line(READY)
        environment = environment_of(state) | given
        pages = [f"page={service.url}", f"{IN_PASSING}={service.url}"]
        readers = [["memory", "fragment", *pages], ["redis"]]
        if varnish:
            wait_until(varnish.answers, "Varnish finds the service")
            readers = [["memory", "fragment"], pages, [f"varnish={varnish.url}"], ["redis"]]
        stage = Stage(
            database,
            Child("writer", service.url, environment=environment),
            [Child("observer", *words, environment=environment) for words in readers],
            varnish,
            stack.enter_context(browser.new_context()).new_page() if browser else None,
        )
        children = [stage.writer, *stage.observers]
        for child in children:
            stack.callback(child.end)
        for child in children:
            child.receive()
        yield stage


def make_database(server: str, name: str) -> str:
    """The URL of a database of that name on a PostgreSQL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rpartition('/')[0]}/{name}"
