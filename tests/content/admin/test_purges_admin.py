"""Purges in the admin: read-only rows; posts and lists purge what shows them, after a question."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from content.admin import purges
from content.models import Category, Post, Purge
from content.purging.groups import MODELS
from tests.support.admin_site import act
from tests.support.blog import make_blog

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

LIST = "/admin/content/purge/"


@pytest.fixture
def row() -> Purge:
    numbers = {"touched": {"post_card": 1200, "page": 34}, "entries": 1200, "pages": 34, "judged": 1000, "ended": 999}
    return Purge.objects.create(
        trigger="api", started_by="<b>ann</b>", selection={"groups": ["category:7"]}, named=1, state="done", **numbers
    )


def test_a_purge_shows_who_started_it_and_what_it_did(admin_client, row):
    html = admin_client.get(LIST).content.decode()
    assert "the group category:7" in html
    assert "&lt;b&gt;ann&lt;/b&gt;" in html
    page = admin_client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert ">Entries</th><td>1,200<" in page
    assert ">Ended</th><td>999<" in page
    assert ">Deaf</th><td>-<" in page
    assert 'name="_save"' not in page


def test_a_purge_cannot_be_changed_and_is_seen_with_the_permission_alone(row):
    user = User.objects.create_user("reader", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(LIST).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_purge"))
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/change/", {"state": "failed"}).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_posts_are_purged_after_the_question_what_that_touches(member):
    posts = make_blog(2)
    pks = [post.pk for post in posts]
    editor = member("Editors")
    asked = act(editor, "post", "purge_selected", pks).content.decode()
    assert "Purge the pages of 2 posts?" in asked
    assert f"Entries and pages with the tags post:{min(pks)}" in asked
    assert "would be made stale. How many entries that touches is not known" in asked
    assert posts[0].title in asked
    assert not Purge.objects.exists()
    done = act(editor, "post", "purge_selected", pks, confirmed="yes").content.decode()
    row = Purge.objects.get()
    assert f'<a href="{LIST}{row.pk}/change/">Purge {row.pk}</a>. Done: they are served as stale' in done
    assert (row.trigger, row.started_by, row.soft, row.state) == ("admin", "editors", True, "done")
    assert sorted(row.selection["groups"]) == sorted(f"post:{pk}" for pk in pks)


@pytest.mark.parametrize("kind", ["category", "tag", "author"])
def test_lists_are_purged(admin_client, kind):
    make_blog(2)
    pks = list(MODELS[kind].objects.values_list("pk", flat=True))
    assert f"Purge the pages of {len(pks)} " in act(admin_client, kind, "purge_selected", pks).content.decode()
    act(admin_client, kind, "purge_selected", pks, confirmed="yes")
    assert sorted(Purge.objects.get().selection["groups"]) == sorted(f"{kind}:{pk}" for pk in pks)


def test_too_many_are_refused(admin_client, monkeypatch):
    monkeypatch.setattr(purges, "MOST_NAMED", 1)
    pks = [post.pk for post in make_blog(2)]
    html = act(admin_client, "post", "purge_selected", pks, confirmed="yes").content.decode()
    assert "At most 1 can be purged at once. Nothing was purged." in html
    assert not Purge.objects.exists()


def test_an_author_purges_nothing(member):
    make_blog(1)
    act(member("Authors"), "post", "purge_selected", [Post.objects.get().pk], confirmed="yes")
    act(Client(), "category", "purge_selected", [Category.objects.first().pk], confirmed="yes")
    assert not Purge.objects.exists()
