"""Previews: rendered as readers get it, for those who write, and kept by nobody."""

import pytest
from django.test import Client

from content.admin.post_form import LARGEST_PREVIEW
from content.rendering import render_markdown
from tests.support.blog import make_blog, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

RENDER = "/admin/content/post/render/"


def test_the_preview_of_a_body_equals_the_published_body(admin_client):
    body = "# Hello\n\n<script>alert(1)</script>\n\nTwo *words*"
    answer = admin_client.post(RENDER, {"body": body})
    assert answer.json()["html"] == render_markdown(body)
    assert "<script" not in answer.json()["html"]
    assert answer.json()["words"] == 3
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_body_too_long_to_preview_gets_an_explanation(admin_client):
    answer = admin_client.post(RENDER, {"body": "a" * (LARGEST_PREVIEW + 1)})
    assert answer.status_code == 413
    assert "then preview it" in answer.json()["error"]


def test_a_forged_form_renders_nothing(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(RENDER, {"body": "a"}).status_code == 403
    assert client.get(RENDER).status_code == 405


def test_strangers_and_moderators_render_nothing(client, member):
    assert client.post(RENDER, {"body": "a"}).status_code == 302
    assert member("Moderators").post(RENDER, {"body": "a"}).status_code == 403
    assert member("Authors").post(RENDER, {"body": "a"}).status_code == 200


@pytest.mark.parametrize("status", ["draft", "withdrawn"])
def test_a_post_that_readers_do_not_see_is_shown_in_the_sites_dress(admin_client, status):
    make_blog(posts=1)
    post = make_post("secret-plan", status=status, body="What we *plan*.")
    answer = admin_client.get(f"/admin/content/post/{post.pk}/preview/")
    html = answer.content.decode()
    assert "<em>plan</em>" in html
    assert "Test blog" in html
    assert "This is a preview" in html
    assert "no-store" in answer.headers["Cache-Control"]
    assert not {"ETag", "Last-Modified", "Evergreen-Cache-Control"} & set(answer.headers)


def test_a_preview_is_not_for_strangers_and_leaves_nothing_for_them(client, admin_client):
    post = make_post("secret-plan", status="draft", title="Hidden title")
    path = f"/admin/content/post/{post.pk}/preview/"
    assert admin_client.get(path).status_code == 200
    assert client.get(path).status_code == 302
    assert b"Hidden title" not in client.get("/").content + client.get("/posts/secret-plan/").content
    assert admin_client.get("/admin/content/post/999999/preview/").status_code == 404


def test_the_editor_leads_to_readers_page_or_to_the_preview(admin_client):
    shown, draft = make_post("shown"), make_post("draft", status="draft")
    assert b'href="/posts/shown/"' in admin_client.get(f"/admin/content/post/{shown.pk}/change/").content
    path = f"/admin/content/post/{draft.pk}/"
    assert f'href="{path}preview/"'.encode() in admin_client.get(f"{path}change/").content
