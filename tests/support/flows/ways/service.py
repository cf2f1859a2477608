"""Writes by the service itself: admin, importer, comments, and time."""

import re
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from content.models import Comment, Post
from tests.support.admin_site import act, save_form
from tests.support.flows.scene import Scene, Sight, appears, leaves, moves, nothing, returns, title
from tests.support.flows.ways.way import way


def admin() -> Client:
    client = Client(headers={"host": "127.0.0.1"})
    model: Any = get_user_model()
    client.force_login(
        model.objects.filter(username="flows").first() or model.objects.create_superuser("flows", password="flows")
    )
    return client


def form(scene: Scene) -> str:
    return f"/admin/content/post/{scene.post.pk}/change/"


@way("admin form", title)
def save_in_admin(scene: Scene) -> None:
    save_form(admin(), form(scene), title=scene.new)


@way("admin form: a slug", moves("301"))
def rename_in_admin(scene: Scene) -> None:
    save_form(admin(), form(scene), slug=scene.slug("-moved"))


@way("admin form: a tag", lambda scene: [Sight("tag", scene.slug(), (scene.word("tag"),), (scene.new,))])
def save_tag_in_admin(scene: Scene) -> None:
    save_form(admin(), f"/admin/content/tag/{scene.tag.pk}/change/", name=scene.new)


@way("admin action: withdraw", leaves("410"))
def withdraw_in_admin(scene: Scene) -> None:
    act(admin(), "post", "withdraw", [scene.post.pk], confirmed="yes")


def make_draft(scene: Scene) -> None:
    scene.posts.update(status="draft")


@way("admin action: publish", returns("404"), prepare=make_draft)
def publish_in_admin(scene: Scene) -> None:
    act(admin(), "post", "publish", [scene.post.pk], confirmed="yes")


# --- the importer ------------------------------------------------------------------------------------


def import_post(scene: Scene, words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"2024-01-02-{scene.slug('-b')}.md").write_text(
            f"---\ntitle: {words}\ncategories: [{scene.category.slug}]\n---\nThe text.\n"
        )
        call_command("import_content", folder, "--json", f"--source=flow-{scene.number}")


def import_old(scene: Scene) -> None:
    import_post(scene, scene.word("earlier"))


def shows_import(scene: Scene) -> list[Sight]:
    return [Sight("post", scene.slug("-b"), goes=(scene.word("earlier"),), comes=(scene.new,))]


@way("importer: a new post", appears)
def import_new(scene: Scene) -> None:
    import_post(scene, scene.new)


@way("importer: a changed post", shows_import, prepare=import_old)
def import_changed(scene: Scene) -> None:
    import_post(scene, scene.new)


# --- comments ----------------------------------------------------------------------------------------


def comment(scene: Scene) -> list[Sight]:
    return [Sight("post", scene.slug(), comes=(scene.word("said"),))]


def said(scene: Scene) -> Comment:
    return Comment(post=scene.post, author_name="Ann", body=scene.word("said"), status="approved")


def post_comment(scene: Scene) -> None:
    """A reader writes a comment through the service."""
    with httpx.Client(base_url=scene.url, timeout=20) as client:
        address = f"/posts/{scene.slug()}/comment/"
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', client.get(address).text))
        response = client.post(address, data=fields | {"name": "Ann", "text": scene.word("said")})
    assert response.status_code == 303, response.text
    scene.more["comment"] = Comment.objects.get(post=scene.post).pk


@way("a comment posted, which waits to be approved", nothing, own=False)
def comment_waits(scene: Scene) -> None:
    post_comment(scene)


@way("a posted comment approved in the admin", comment, prepare=post_comment)
def approve(scene: Scene) -> None:
    act(admin(), "comment", "to_approved", [scene.more["comment"]])


@way("Comment.save", comment)
def save_comment(scene: Scene) -> None:
    said(scene).save()


def loses_comment(scene: Scene) -> list[Sight]:
    return [Sight("post", scene.slug(), goes=(scene.word("said"),))]


@way("a comment marked as spam by QuerySet.update", loses_comment, prepare=save_comment)
def mark_as_spam(scene: Scene) -> None:
    Comment.objects.filter(post=scene.post).update(status="spam")


# --- time --------------------------------------------------------------------------------------------

SOON = timedelta(seconds=2)


def schedule(scene: Scene) -> None:
    """Soon, but later than it takes to look at it everywhere."""
    scene.post = scene.build_post(
        "-b", category=scene.category, status="scheduled", published_at=timezone.now() + SOON
    )
    scene.post.save()


@way("published by schedule", appears, prepare=schedule, timed=True)
def time_comes(scene: Scene) -> None:
    """No row is written."""
    due = Post.objects.get(pk=scene.post.pk).published_at
    assert due is not None
    time.sleep(max(0.0, (due - timezone.now()).total_seconds()))
    scene.has_committed()
