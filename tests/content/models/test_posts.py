"""Rules that the database itself holds, and what editors do in the administration."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from content.models import Post, Redirect, SiteConfig
from tests.support.admin_site import try_form
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"slug": "twice"},
        {"slug": ""},
        {"slug": "a", "kind": "novel"},
        {"slug": "a", "status": "lost"},
    ],
)
def test_a_post_that_cannot_be_is_refused_by_the_database(fields):
    make_post("twice")
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.bulk_create([Post(title="x", published_at=timezone.now(), **fields)])


def test_a_public_post_without_a_time_is_refused_by_the_database():
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.bulk_create([Post(slug="a", title="x", status="published")])


def test_saving_sets_the_time_of_a_published_post_and_renders_it_once():
    post = make_post("a", body="*Hello*")
    assert post.published_at is not None
    assert post.html == "<p><em>Hello</em></p>\n"


@pytest.mark.parametrize("paths", [("/a/", "/a/"), ("a", "/b/")])
def test_a_redirect_leads_from_a_path_to_elsewhere(paths):
    with pytest.raises(IntegrityError), transaction.atomic():
        Redirect.objects.bulk_create([Redirect(old_path=paths[0], new_path=paths[1])])


def test_there_is_one_site():
    SiteConfig(title="One").save()
    SiteConfig(title="Two").save()
    assert [site.title for site in SiteConfig.objects.all()] == ["Two"]


@pytest.fixture
def editor(client):
    cache.clear()
    client.force_login(User.objects.create_superuser("editor"))
    yield client
    cache.clear()


PAGES = ["post", "author", "category", "tag", "mediafile", "redirect", "siteconfig"]


@pytest.mark.parametrize("model", PAGES)
def test_every_list_of_the_administration_opens(editor, model):
    make_blog(2)
    assert editor.get(f"/admin/content/{model}/", follow=True).status_code == 200


@pytest.mark.parametrize("model", ["post", "author", "category", "tag", "mediafile", "redirect"])
def test_every_form_of_the_administration_opens(editor, model):
    assert editor.get(f"/admin/content/{model}/add/").status_code == 200


def form(**changed: str) -> dict[str, str]:
    return {
        "kind": "post", "slug": "from-admin", "title": "From the administration", "excerpt": "", "body": "**Bold**",
        "category": "", "cover": "", "cover_alt": "", "status": "published", "password": "", "language": "en",
        "published_at_0": "2024-01-01", "published_at_1": "10:00:00", "updated_at_0": "2024-01-01",
        "updated_at_1": "10:00:00", "authorships-TOTAL_FORMS": "0", "authorships-INITIAL_FORMS": "0",
    } | changed  # fmt: skip


def test_readers_see_publishing_edits_and_withdrawals_at_once(editor):
    assert editor.get("/posts/from-admin/").status_code == 404
    assert editor.post("/admin/content/post/add/", form()).status_code == 302
    assert b"<strong>Bold</strong>" in editor.get("/posts/from-admin/").content
    path = f"/admin/content/post/{Post.objects.get().pk}/change/"
    assert try_form(editor, path, body="Changed").status_code == 302
    assert b"Changed" in editor.get("/posts/from-admin/").content
    assert try_form(editor, path, status="withdrawn").status_code == 302
    assert editor.get("/posts/from-admin/").status_code == 410


def test_a_body_past_the_bounds_is_an_error_of_the_form_and_not_of_the_server(editor):
    response = editor.post("/admin/content/post/add/", form(body="<div>" * 300))
    assert response.status_code == 200
    assert b"nested more than 200 deep" in response.content
    assert not Post.objects.exists()


def test_a_scheduled_post_needs_no_time_to_be_valid_but_gets_one(editor):
    when = timezone.now() + timedelta(days=1)
    editor.post("/admin/content/post/add/", form(status="scheduled", published_at_0=f"{when:%Y-%m-%d}"))
    assert Post.objects.get().status == "scheduled"
    assert editor.get("/posts/from-admin/").status_code == 404
