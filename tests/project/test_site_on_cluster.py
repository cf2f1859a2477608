"""Cache and log on a Redis Cluster, the rest behind Sentinel: pages are cached, and an edit is followed."""

import pytest

from tests.project.serving.conftest import SERVING
from tests.project.test_site_on_sentinel import wait_for_edit, why_not_ready
from tests.support.servers.cluster import running_cluster
from tests.support.servers.sentinel import running_sentinels
from tests.support.service import environment_of, manage, running_service
from tests.support.wait import wait_until
from tests.support.worker import QUEUE, new_sender, running_worker, send

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def servers():
    with running_cluster() as cluster, running_sentinels() as watched:
        yield cluster, watched


def test_pages_are_cached_on_the_cluster_and_an_edit_is_followed(servers, tmp_path):
    cluster, watched = servers
    environment = {
        "REDIS_URL": watched.url,
        "CACHE_URL": cluster.url,
        "EVERGREEN_LOG_URL": cluster.url,
        "SECRET_KEY": "for tests only",
    }
    site = environment_of(tmp_path) | environment
    with running_worker(watched.master, tmp_path, environment=environment, log_servers=cluster.nodes):
        manage(site, "demo_content", "-v0")
        with running_service(tmp_path, "--workers", "2", command="serve", environment=environment) as service:
            service.wait_for_line(SERVING)
            with service.client() as client:
                wait_until(lambda: not why_not_ready(client), "the site is ready")
                slug = client.get("/api/v1/posts/").json()["items"][0]["slug"]
                for title in ("The first edit", "The second edit"):
                    wait_for_edit(site, client, slug, title)
                path = f"/posts/{slug}/"
                wait_until(lambda: "hit" in client.get(path).headers["Cache-Status"], "the page is a hit")
        with watched.master.client() as redis, new_sender(watched.master) as sender:
            send(sender, "workers.tasks.write_views")
            wait_until(lambda: not redis.llen(f"{QUEUE}celery"), "the worker has taken the task")
            assert not any(b"invalidations" in name or b"page@" in name for name in redis.scan_iter())
    stored = [name for node in cluster.nodes for name in names_in(node)]
    assert any(b":log" in name for name in stored), stored[:20]
    assert sum(b"page@" in name for name in stored) > 1
    assert all(names_in(node) for node in cluster.nodes), "each node has some"


def names_in(node) -> list[bytes]:
    with node.client() as client:
        return list(client.scan_iter())
