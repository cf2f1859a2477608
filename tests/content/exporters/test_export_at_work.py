"""Exports of a site that is being written to, of one that is large, and of one on PostgreSQL."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from content.exporters import ExportReport, export_content
from content.importers import import_folder
from content.models import Author, Comment, Post
from tests.support.databases import url_of
from tests.support.service import ROOT, clean_environment, manage
from tests.support.whole_site import empty_site, everything

POSTS = ROOT.parent / "shared" / "data" / "posts-18f"


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


WRITE = """
from content.models import Author, Comment, Post
Author.objects.all().delete()
Comment.objects.all().delete()
Post.objects.filter(slug="last").update(title="Changed meanwhile")
"""


@pytest.mark.django_db(transaction=True)
def test_an_export_shows_one_moment_and_blocks_no_writer(tmp_path: Path, monkeypatch):
    """Another process writes and commits while the export is between two tables."""
    Author.objects.create(slug="ann", name="Ann")
    posts = [Post.objects.create(slug=slug, title=slug) for slug in ("first", "last")]
    Comment.objects.create(post=posts[0], author_name="Bob", body="Hello")
    environment = clean_environment() | {
        "DATABASE_URL": url_of(connection),
        "EVERGREEN_STATE_DIR": str(tmp_path / "state"),
        "CACHE_URL": "locmem://other",
    }

    def write_elsewhere(report: ExportReport) -> None:
        if report.counts["posts"] == 1:
            manage(environment, "shell", "-v0", "-c", WRITE)

    monkeypatch.setattr("content.exporters.tables.POSTS_A_FETCH", 1)
    report = export_content(tmp_path / "export", progress=write_elsewhere)
    assert (Author.objects.count(), Comment.objects.count()) == (0, 0)
    assert (report.counts["authors"], report.counts["comments"]) == (1, 1)
    assert "title: last\n" in (tmp_path / "export" / "posts" / "last.md").read_text()


def measure_peak(run: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_site(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("content.exporters.tables.POSTS_A_FETCH", 20)

    def peak(posts: int) -> int:
        Post.objects.bulk_create(
            Post(slug=f"post-{posts}-{number}", title="Large", body="words " * 5000) for number in range(posts)
        )
        return measure_peak(lambda: export_content(tmp_path / str(posts)))

    peak(40)
    few, many = peak(60), peak(600)
    assert many < few * 1.5


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not POSTS.is_dir(), reason="the blog's posts are not beside this checkout")
def test_the_posts_of_a_real_blog_come_back(tmp_path: Path, settings):
    import_folder(POSTS)
    before = list(everything())
    assert export_content(tmp_path / "export").counts["posts"] == 509
    empty_site()
    settings.MEDIA_ROOT = tmp_path / "another storage"
    report = import_folder(tmp_path / "export")
    assert (report.created, report.failures, report.warnings) == (509, [], [])
    assert list(everything()) == before
    again = import_folder(tmp_path / "export")
    assert (again.unchanged, again.created, again.updated, again.media) == (509, 0, 0, 0)
    # Their source folder is still recognised.
    assert import_folder(POSTS).unchanged == 509


MAKE = """
from tests.support.whole_site import make_whole_site, fingerprint
make_whole_site()
print(fingerprint())
"""
FINGERPRINT = "from tests.support.whole_site import fingerprint; print(fingerprint())"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["PostgreSQL", "SQLite to PostgreSQL"])
def test_a_site_on_postgresql_comes_back(tmp_path: Path, own_postgres, fresh_redis, way):
    def run_command(database: str, *words: str) -> str:
        state = tmp_path / database
        url = f"sqlite:///{state}.sqlite3" if database == "sqlite" else own_postgres(database)
        environment = clean_environment() | {
            "DATABASE_URL": url,
            "REDIS_URL": fresh_redis,
            "EVERGREEN_STATE_DIR": str(state),
        }
        return manage(environment, *words)

    source = "one" if way == "PostgreSQL" else "sqlite"
    for database in (source, "two"):
        run_command(database, "migrate", "-v0")
    made = run_command(source, "shell", "-v0", "-c", MAKE)
    assert "keep it private" in run_command(source, "export_content", str(tmp_path / "export"))
    imported = run_command("two", "import_content", str(tmp_path / "export"))
    assert "comments: 5 created" in imported
    assert run_command("two", "shell", "-v0", "-c", FINGERPRINT) == made
    assert (
        " 0 created, 0 updated, 16 unchanged" in f" {run_command('two', 'import_content', str(tmp_path / 'export'))}"
    )
