"""`manage.py demo_content`: an empty site is filled, any other is left alone."""

from functools import cache as cached
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from content.caching.queries import count_queries
from content.demo import store
from content.models import Author, Category, MediaFile, Post, SiteConfig, Tag
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db


render_once = cached(store.render_markdown)


@pytest.fixture(autouse=True)
def empty_media_and_cache(settings, tmp_path, monkeypatch):
    """Each test makes all posts. Their HTML, which takes longest, is made by the first."""
    monkeypatch.setattr(store, "render_markdown", render_once)
    settings.MEDIA_ROOT = tmp_path
    cache.clear()
    yield
    cache.clear()


def run() -> str:
    out = StringIO()
    call_command("demo_content", stdout=out)
    return out.getvalue()


def test_an_empty_site_is_filled_with_posts_that_readers_can_read(client, django_capture_on_commit_callbacks):
    assert b"Nothing has been published" in client.get("/").content
    with django_capture_on_commit_callbacks(execute=True):
        assert "202 demo posts" in run()
    newest = Post.objects.public(timezone.now()).posts().first()
    assert newest.html.startswith("<p>")
    assert newest.authors.exists()
    assert newest.tags.exists()
    assert newest.get_absolute_url().encode() in client.get("/").content
    assert client.get("/about/").status_code == 200
    assert client.get(f"/categories/{newest.category.slug}/").status_code == 200


def test_every_entry_of_the_menu_leads_somewhere(client):
    run()
    menu = SiteConfig.objects.get().menu
    assert len(menu) >= 3
    assert [client.get(entry["url"]).status_code for entry in menu] == [200] * len(menu)


def test_a_cover_is_a_stored_file_with_an_alt_text():
    run()
    for post in Post.objects.exclude(cover=None).select_related("cover"):
        assert default_storage.exists(post.cover.file.name)
        assert post.cover_alt


def test_a_site_with_posts_is_left_alone():
    make_post("mine")
    assert "nothing was done" in run()
    assert [post.slug for post in Post.objects.all()] == ["mine"]
    assert not Tag.objects.exists()


def test_it_writes_in_a_bounded_number_of_queries():
    with count_queries() as queries:
        run()
    assert queries.count < 110, queries.count


def test_rows_of_an_editor_stay():
    SiteConfig(title="Mine", tagline="My words").save()
    Category.objects.create(slug="forest", name="My forest")
    Author.objects.create(slug="nora-byrne", name="Nora", bio="Somebody else")
    run()
    assert SiteConfig.objects.get().title == "Mine"
    assert Category.objects.get(slug="forest").name == "My forest"
    assert Author.objects.get(slug="nora-byrne").posts.exists()


def test_a_failure_leaves_neither_rows_nor_files(monkeypatch, tmp_path):
    def refuse(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(store, "link_posts", refuse)
    with pytest.raises(OSError, match="full"), transaction.atomic():
        run()
    assert not Post.objects.exists()
    assert not MediaFile.objects.exists()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_pictures_of_an_earlier_demo_are_used_again():
    run()
    files = set(MediaFile.objects.values_list("file", flat=True))
    Post.objects.all().delete()
    run()
    assert set(MediaFile.objects.values_list("file", flat=True)) == files
