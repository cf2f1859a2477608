"""I18: two releases of the site at once, on one Redis and one database, while posts are edited: as in a deploy.

The new one has another template, a field more in its documents, and another rule of tags.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.support.markdown import write_posts
from tests.support.releases import make_release
from tests.support.servers.redis import running_redis
from tests.support.service import ROOT, Service, environment_of, make_tables, manage_each, running_service
from tests.support.wait import wait_until

POSTS = 8
# With this URL no page has the port in its key: both releases have the same addresses.
SECRETS = {"SECRET_KEY": "for tests only", "EVERGREEN_EDGE": "true", "EVERGREEN_BASE_URL": "http://127.0.0.1"}
PATHS = (
    "/",
    *(f"/posts/note-{number}/" for number in range(1, POSTS + 1)),
    "/archive/",
    "/tags/green/",
)
EDIT = """
from content.models import Post
post = Post.objects.get(slug="note-{number}")
post.title = "Edited {edit}"
post.save()
"""


@pytest.fixture(scope="module")
def new_release(tmp_path_factory) -> Path:
    return make_release(tmp_path_factory.mktemp("new"))


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder and the environment of both releases."""
    state = tmp_path / "state"
    state.mkdir()
    make_tables(state)
    with running_redis() as server:
        environment = SECRETS | {"REDIS_URL": server.url}
        posts = write_posts(tmp_path / "posts", POSTS)
        manage_each(environment_of(state) | environment, ["import_content", str(posts)])
        yield state, environment


@contextmanager
def serving(site: tuple[Path, dict[str, str]], root: Path) -> Iterator[Service]:
    state, environment = site
    options = {"command": "serve", "environment": environment, "root": root}
    with running_service(state, "--workers", "1", **options) as service:
        yield service


class Readers:
    """Read all pages of one release in turn, until they are stopped. `wrong`: what it should not have answered."""

    def __init__(self, service: Service, is_new: bool) -> None:
        self.service = service
        self.is_new = is_new
        self.reads = self.hits = 0
        self.wrong: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        with self.service.client() as client:
            for path in itertools.cycle(PATHS):
                if self.stopping.is_set():
                    return
                self.read(client, path)

    def read_once(self) -> None:
        with self.service.client() as client:
            for path in PATHS:
                self.read(client, path)

    def read(self, client: httpx.Client, path: str) -> None:
        try:
            response = client.get(path)
        except httpx.HTTPError as error:
            self.wrong.append(f"{path}: {error!r}")
            return
        self.reads += 1
        self.hits += "; hit" in response.headers.get("cache-status", "")
        if response.status_code != 200:
            self.wrong.append(f"{path}: status {response.status_code}")
        elif ("the new release" in response.text) != self.is_new:
            self.wrong.append(f"{path}: a page of the other release")
        elif 'data-mood="?"' in response.text or (path == "/" and ("merry" in response.text) != self.is_new):
            self.wrong.append(f"{path}: a document of the other release")


@contextmanager
def reading(*readers: Readers) -> Iterator[None]:
    for each in readers:
        each.thread.start()
    try:
        yield
    finally:
        for each in readers:
            each.stopping.set()
        for each in readers:
            each.thread.join()


def edit(site: tuple[Path, dict[str, str]], number: int, title: str) -> None:
    state, environment = site
    manage_each(environment_of(state) | environment, ["shell", "-v0", "-c", EDIT.format(number=number, edit=title)])


def see_title(service: Service, number: int, title: str) -> None:
    """Wait until the page shows the edit."""
    end = time.monotonic() + 10
    with service.client() as client:
        while f"Edited {title}" not in client.get(f"/posts/note-{number}/").text:
            assert time.monotonic() < end, f"{service.url} still shows the text before the edit"
            time.sleep(0.02)


def deploy(site, new_release: Path, seconds: float) -> None:
    """The old release, both, the new one, both, and the old one again."""
    with ExitStack() as stack:
        old = stack.enter_context(serving(site, ROOT))
        new = stack.enter_context(serving(site, new_release))
        for service in (old, new):
            service.wait_for_line("Serving on")
        readers = [Readers(old, is_new=False), Readers(new, is_new=True)]
        # One after the other: each finds what the other has stored.
        for each in (*readers, *readers):
            each.read_once()
        with reading(*readers):
            end, number = time.monotonic() + seconds, 0
            while number < 1 or time.monotonic() < end:
                number += 1
                edit(site, number % POSTS + 1, str(number))
                for service in (old, new):
                    see_title(service, number % POSTS + 1, str(number))
    # Back again: the old release finds its own.
    with serving(site, ROOT) as service:
        service.wait_for_line("Serving on")
        again = Readers(service, is_new=False)
        with reading(again):
            edit(site, 1, "after the rollback")
            see_title(service, 1, "after the rollback")
    for each in (*readers, again):
        assert each.wrong == []
        assert each.reads > len(PATHS)
    assert all(each.hits for each in readers)
    for service in (old, new):
        assert "Traceback" not in service.terminal


def cutover(site: tuple[Path, dict[str, str]], root: Path, *words: str) -> list[dict]:
    """What the command of a release says of all releases, this one first."""
    state, environment = site
    command = [sys.executable, str(root / "manage.py"), "cutover", "--json", *words]
    done = subprocess.run(
        command,
        env=environment_of(state) | environment,
        cwd=state.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for_heat(site: tuple[Path, dict[str, str]]) -> None:
    with Redis.from_url(site[1]["REDIS_URL"]) as client:
        wait_until(lambda: client.zcard("{evergreen:heat}:minutes") >= len(PATHS), "the reads are counted")


@pytest.mark.slow
def test_i17_cutover_finds_the_next_release_warm_and_so_does_the_rollback(site, new_release):
    with serving(site, ROOT) as old:
        old.wait_for_line("Serving on")
        for _ in range(2):
            Readers(old, is_new=False).read_once()
        wait_for_heat(site)
        [of_old] = cutover(site, ROOT)
        assert (of_old["servers"], of_old["coverage"]["100"]["fresh"]) == (1, of_old["coverage"]["100"]["of"])
        new, before = cutover(site, new_release)
        assert new["coverage"]["100"]["fresh"] < before["coverage"]["100"]["fresh"]
        new, before = cutover(site, new_release, "--prepare", "--coverage", "100")
        assert new["coverage"]["100"]["fresh"] == new["coverage"]["100"]["of"] == before["coverage"]["100"]["fresh"]
        with serving(site, new_release) as service:
            service.wait_for_line("Serving on")
            of_new = Readers(service, is_new=True)
            of_new.read_once()
            assert (of_new.wrong, of_new.hits) == ([], len(PATHS))
            edit(site, 1, "after the cutover")
            see_title(service, 1, "after the cutover")
    # Without a worker of the old release, what the edit changed is cold there until it is made again.
    covered = cutover(site, ROOT)[0]["coverage"]["100"]
    assert covered["fresh"] < covered["of"]
    cutover(site, ROOT, "--prepare", "--coverage", "100")
    with serving(site, ROOT) as again:
        again.wait_for_line("Serving on")
        back = Readers(again, is_new=False)
        back.read_once()
        assert (back.wrong, back.hits) == ([], len(PATHS))
        see_title(again, 1, "after the cutover")


@pytest.mark.slow
def test_i18_two_releases_side_by_side_read_nothing_of_each_other(site, new_release):
    deploy(site, new_release, 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_i18_two_releases_under_load_for_a_minute(site, new_release):
    deploy(site, new_release, 60)
