"""The whole way once on PostgreSQL: tables, import, warming, views."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.folder import write_posts
from tests.support.service import ROOT, clean_environment


@pytest.fixture
def run(tmp_path, postgres_server, fresh_redis):
    environment = clean_environment() | {
        "DATABASE_URL": postgres_server,
        "REDIS_URL": fresh_redis,
        "EVERGREEN_STATE_DIR": str(tmp_path / "state"),
    }

    def manage(*arguments: str) -> str:
        process = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    return manage


COUNT_VIEWS = """
from redis import Redis
from django.conf import settings
from content.models import Post, PostViews
from content.popularity import stream, write_views
post = Post.objects.get(slug="note-3")
with Redis.from_url(settings.REDIS_URL) as client:
    client.xadd(stream.stream_name(), {b"views": stream.encode({post.pk: 4})})
print(write_views(), PostViews.objects.get(post=post).total, write_views())
"""


def test_import_warm_and_count(tmp_path: Path, run):
    folder = write_posts(tmp_path / "posts", 12)
    run("migrate", "-v0")
    assert json.loads(run("import_content", str(folder), "--json"))["created"] == 12
    assert json.loads(run("import_content", str(folder), "--json"))["unchanged"] == 12
    report = json.loads(run("warm_cache", "--all", "--json"))
    assert report["warmed"] > 24
    assert report["failed"] == 0
    assert run("shell", "-v0", "-c", COUNT_VIEWS).split() == ["4", "4", "0"]
    run("makemigrations", "--check", "--dry-run")
