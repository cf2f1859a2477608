"""The whole way once on PostgreSQL: tables, import, warming, views."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from content.caching.executor import MAX_LOADS
from tests.support.markdown import write_posts
from tests.support.service import clean_environment, manage_each


@pytest.fixture
def run(tmp_path, postgres_server, fresh_redis):
    environment = clean_environment() | {
        "DATABASE_URL": postgres_server,
        "REDIS_URL": fresh_redis,
        "EVERGREEN_STATE_DIR": str(tmp_path / "state"),
        "EVERGREEN_EDGE": "no",
    }

    return partial(manage_each, environment)


COUNT_VIEWS = """
from redis import Redis
from django.conf import settings
from content.models import Post, PostViews
from content.popularity import encode_views, stream_name, write_views
post = Post.objects.get(slug="note-3")
with Redis.from_url(settings.REDIS_URL) as client:
    client.xadd(stream_name(), {b"views": encode_views({post.pk: 4})})
print(write_views(), PostViews.objects.get(post=post).total, write_views())
"""


def parse_values(text: str) -> Iterator[dict]:
    """The JSON values of several commands."""
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


def test_import_warm_and_count(tmp_path: Path, run):
    folder = write_posts(tmp_path / "posts", 12)
    import_posts, warm = ["import_content", str(folder), "--json"], ["warm_cache", "--all", "--json"]
    printed = run(["migrate", "-v0"], import_posts, import_posts, warm)
    first, second, warming = parse_values(printed)
    assert (first["created"], second["unchanged"]) == (12, 12)
    assert warming["warmed"] > 24
    assert warming["failed"] == 0
    told = run(["shell", "-v0", "-c", COUNT_VIEWS], ["makemigrations", "--check", "--dry-run", "-v0"])
    assert told.split() == ["4", "4", "0"]


# Posts that are not there, so that each is a load: how many are connected meanwhile.
LOAD = """
import asyncio
from django.db import connection
from content import resources
from tests.support.wait import wait_until

def connected():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]

async def load():
    for begun in range(0, 600, 100):
        keys = [("post", f"nothing-{number}") for number in range(begun, begun + 100)]
        await asyncio.gather(*(resources.post.get(*key) for key in keys), return_exceptions=True)
    return await asyncio.to_thread(connected)

during = asyncio.run(load())
# A server takes a moment to see that it was left.
wait_until(lambda: connected() <= 2, "the loop's connections are closed")
print(during)
"""


def test_loads_share_a_bounded_number_of_connections_and_close_them_with_their_loop(run):
    run(["migrate", "-v0"])
    assert 1 < int(run(["shell", "-v0", "-c", LOAD])) <= MAX_LOADS + 1
