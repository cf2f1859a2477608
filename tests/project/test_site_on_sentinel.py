"""One setting, REDIS_URL=redis+sentinel://…, for all that uses Redis: cache, log, broker, views, health."""

import contextlib
import json

import httpx
import pytest

from tests.project.serving.conftest import SERVING
from tests.support.servers.sentinel import running_sentinels
from tests.support.service import environment_of, manage, running_service
from tests.support.wait import wait_until
from tests.support.worker import QUEUE, new_sender, running_worker, send

pytestmark = pytest.mark.slow

EDIT = "from content.models import Post; post = Post.objects.get(slug='{slug}'); post.title = '{title}'; post.save()"


@pytest.mark.timeout(600)
def test_a_failover_while_readers_read_and_an_editor_writes(tmp_path):
    """The master is killed: readers get every page, the next edit is shown, and a worker does the next task."""
    with running_sentinels() as watched:
        environment = {"REDIS_URL": watched.url, "SECRET_KEY": "for tests only"}
        site = environment_of(tmp_path) | environment
        with running_worker(watched.master, tmp_path, environment=environment):
            manage(site, "demo_content", "-v0")
            with running_service(tmp_path, command="serve", environment=environment) as service:
                service.wait_for_line(SERVING)
                with service.client() as client:
                    wait_until(lambda: not why_not_ready(client), "the site is ready through Sentinel")
                    slug = client.get("/api/v1/posts/").json()["items"][0]["slug"]
                    wait_for_edit(site, client, slug, "Before the failover")
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
                    wait_for_edit(site, client, slug, "After the failover")
                    wait_until(lambda: not why_not_ready(client), "the site is ready with the other master")
                    assert statuses == {200}
            with watched.replica.client() as redis, new_sender(watched.replica) as sender:
                send(sender, "workers.tasks.write_views")
                wait_until(lambda: not redis.llen(f"{QUEUE}celery"), "the worker has taken the task")
                wait_until(lambda: not redis.hlen(f"{QUEUE}unacked"), "the worker has done the task")


def wait_for_edit(site: dict[str, str], client: httpx.Client, slug: str, title: str) -> None:
    manage(site, "shell", "-c", EDIT.format(slug=slug, title=title))
    wait_until(lambda: title in read(client, slug), f"{title!r} is on its page")


def read(client: httpx.Client, slug: str) -> str:
    response = client.get(f"/posts/{slug}/")
    assert response.status_code == 200
    return response.text


def why_not_ready(client: httpx.Client) -> list[str]:
    checks = json.loads(client.get("/readyz").content)["checks"]
    return [name for name, check in checks.items() if not check["ok"]]
