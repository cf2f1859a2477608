"""One setting, REDIS_URL=redis+sentinel://…, for all that uses Redis: cache, log, broker, results, views, health."""

import contextlib
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.project.serving.conftest import SERVING
from tests.support.servers.sentinel import Watched, running_sentinels
from tests.support.service import manage, running_service
from tests.support.wait import wait_until
from tests.support.worker import QUEUE, running_worker
from workers.broker import servers_of

pytestmark = pytest.mark.slow

EDIT = "from content.models import Post; post = Post.objects.get(slug='{slug}'); post.title = '{title}'; post.save()"


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with running_sentinels() as running:
        yield running


def test_a_failover_while_readers_read_and_an_editor_writes(watched: Watched, tmp_path):
    """Redis is killed: each page is served all the while, and an edit after it is shown and its tasks are done."""
    environment = {"REDIS_URL": watched.url, "SECRET_KEY": "for tests only"}
    with (
        running_worker(SentinelUrl(watched), tmp_path, environment=environment) as worker,
        running_service(tmp_path, command="serve", environment=environment) as service,
    ):
        service.wait_for_line(SERVING)
        from tests.support.service import environment_of

        site = environment_of(tmp_path) | environment
        manage(site, "demo_content", "-v0")
        manage(site, "rebuild_lists", "-v0") if False else None
        with service.client() as client:
            wait_until(lambda: is_ready(client), "the site is ready through Sentinel")
            slug = find_slug(client)
            title = edit(site, slug, "Before the failover")
            wait_until(lambda: title in read(client, slug), "the edit is on its page")
            before = watched.master_port()
            watched.master.process.kill()
            watched.master.process.wait()
            statuses = set()

            def is_promoted() -> bool:
                statuses.add(client.get(f"/posts/{slug}/").status_code)
                with contextlib.suppress(Exception):
                    return watched.master_port() not in (0, before)
                return False

            wait_until(is_promoted, "another master")
            title = edit(site, slug, "After the failover")
            wait_until(lambda: title in read(client, slug), "the edit is on its page")
            wait_until(lambda: is_ready(client), "the site is ready with the other master")
            assert statuses == {200}
        with watched.replica.client() as redis:
            worker.queue.send_task("workers.tasks.write_views", queue="celery")
            wait_until(lambda: redis.llen(f"{QUEUE}celery") == 0, "a task is done")


class SentinelUrl:
    """For `running_worker`: a server that is found through Sentinel."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.url = watched.master.url

    def client(self):
        return self.watched.master.client()


def edit(site: dict[str, str], slug: str, title: str) -> str:
    manage(site, "shell", "-c", EDIT.format(slug=slug, title=title))
    return title


def read(client: httpx.Client, slug: str) -> str:
    response = client.get(f"/posts/{slug}/")
    assert response.status_code == 200
    return response.text


def find_slug(client: httpx.Client) -> str:
    return str(client.get("/api/v1/posts/").json()["items"][0]["slug"])


def is_ready(client: httpx.Client) -> bool:
    checks = json.loads(client.get("/readyz").content)["checks"]
    return all(check["ok"] for check in checks.values())
