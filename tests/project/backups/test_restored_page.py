"""A backup is restored onto a site whose cache is warm with a later state: readers get the page of the backup."""

import pytest

from tests.project.serving.conftest import SERVING
from tests.support.servers.redis import running_redis
from tests.support.service import environment_of, manage, manage_each, running_service
from tests.support.wait import wait_until
from tests.support.worker import RELEASE, running_worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEWEST = """
from django.utils import timezone
from content.models import Post
print(Post.objects.public(timezone.now()).posts().first().slug)
"""
# The backup has no change that would be relayed again.
WAIT = """
from content.caching.watch.models import WatchedChange
from tests.support.wait import wait_until
wait_until(lambda: not WatchedChange.objects.filter(epoch="").exists(), "all changes are relayed")
"""
TITLES = ("Of the backup", "Written since")
EDIT = "from content.models import Post; post = Post.objects.get(slug='{slug}'); post.title = '{title}'; post.save()"


def test_a_page_of_the_later_state_ends_with_the_restore(tmp_path):
    state, backups, restored = tmp_path / "state", tmp_path / "backups", tmp_path / "restored.sqlite3"
    state.mkdir()
    with running_redis() as redis:
        environment = {"REDIS_URL": redis.url, "SECRET_KEY": "for tests only", "EVERGREEN_RELEASE": RELEASE}
        # It would find the page after a while, and end it.
        environment |= {"EVERGREEN_VERIFY": "false"}
        site = environment_of(state) | environment

        def read(client) -> str:
            response = client.get(f"/posts/{slug}/")
            assert response.status_code == 200
            return f"{response.headers['Cache-Status']} {response.text}"

        with running_worker(redis, state, environment=environment):
            slug = manage_each(site, ["demo_content", "-v0"], ["shell", "-c", NEWEST]).split()[-1]
            edits = [["shell", "-c", EDIT.format(slug=slug, title=title)] for title in TITLES]
            manage_each(site, edits[0], ["shell", "-c", WAIT], ["backup", str(backups)], edits[1])
            with running_service(state, command="serve", environment=environment) as service:
                service.wait_for_line(SERVING)
                with service.client() as client:
                    wait_until(lambda: "hit" in read(client) and "Written since" in read(client), "the cache is warm")
        (backup,) = backups.glob("evergreen-*")
        database = {"DATABASE_URL": f"sqlite:///{restored}"}
        manage(site, "restore", str(backup), "--database", database["DATABASE_URL"])
        environment |= database
        with running_service(state, command="serve", environment=environment) as service, service.client() as client:
            service.wait_for_line(SERVING)
            assert "Written since" in read(client), "only the cache knows it"
            with running_worker(redis, state, environment=environment):
                wait_until(lambda: "Of the backup" in read(client), "the page of the backup is shown")
                wait_until(lambda: "hit" in read(client), "it is cached again")
                assert "Written since" not in read(client)
