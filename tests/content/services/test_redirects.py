"""A public row that moves leaves a redirect; redirects form neither chains nor circles."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from content.models import Author, Category, Post, Redirect, Tag
from content.services.redirects import move_paths
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


def rename(row, slug: str) -> None:
    row.slug = slug
    row.save()


def redirects() -> dict[str, str]:
    return dict(Redirect.objects.values_list("old_path", "new_path"))


def test_a_public_post_leaves_a_redirect_and_a_chain_is_one_step():
    post = make_post("a")
    rename(post, "b")
    assert redirects() == {"/posts/a/": "/posts/b/"}
    rename(post, "c")
    assert redirects() == {"/posts/a/": "/posts/c/", "/posts/b/": "/posts/c/"}


def test_back_again_closes_no_circle():
    post = make_post("a")
    rename(post, "b")
    rename(post, "a")
    assert redirects() == {"/posts/b/": "/posts/a/"}


def test_a_page_moves_to_where_posts_are():
    page = make_post("about", kind="page")
    page.kind = "post"
    page.save()
    assert redirects() == {"/about/": "/posts/about/"}


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"password": "secret"},
        {"status": "scheduled", "published_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_a_post_that_was_never_public_leaves_no_redirect(fields):
    rename(make_post("hidden", **fields), "still-hidden")
    assert redirects() == {}


def test_a_withdrawn_post_was_known_by_its_path():
    rename(make_post("a", status="withdrawn"), "b")
    assert redirects() == {"/posts/a/": "/posts/b/"}


@pytest.mark.parametrize(("model", "folder"), [(Category, "categories"), (Tag, "tags"), (Author, "authors")])
def test_categories_tags_and_authors_too(client, model, folder):
    row = model.objects.create(slug="old", name="Name")
    rename(row, "neu-é")
    assert redirects() == {f"/{folder}/old/": f"/{folder}/neu-é/"}
    assert client.get(f"/{folder}/old/", follow=True).status_code == 200


def test_a_new_post_at_an_old_path_ends_the_redirect_from_there():
    rename(make_post("a"), "b")
    make_post("a")
    assert redirects() == {}


def test_other_words_or_other_fields_move_nothing():
    post = make_post("a")
    post.title = "Other"
    post.save()
    post.slug = "not-written"
    post.save(update_fields=["title"])
    assert redirects() == {}


def test_the_old_path_leads_on_at_once_though_it_was_known_not_to_exist(client, django_capture_on_commit_callbacks):
    post = make_post("a")
    assert client.get("/posts/b/").status_code == 404
    assert client.get("/posts/a/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        rename(post, "b")
    assert client.get("/posts/a/").headers["Location"] == "/posts/b/"
    assert client.get("/posts/b/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        Redirect.objects.get().delete()
    assert client.get("/posts/a/").status_code == 404


def test_a_redirect_that_was_read_before_leads_to_the_new_end_at_once(client, django_capture_on_commit_callbacks):
    assert client.get("/posts/a/").status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        post = make_post("a")
    with django_capture_on_commit_callbacks(execute=True):
        rename(post, "b")
    assert client.get("/posts/a/").headers["Location"] == "/posts/b/"
    with django_capture_on_commit_callbacks(execute=True):
        rename(post, "c")
    assert client.get("/posts/a/").headers["Location"] == "/posts/c/"


def test_two_that_exchange_their_paths_leave_nothing_that_leads_away():
    move_paths({"/posts/a/": "/posts/b/", "/posts/b/": "/posts/a/"})
    assert redirects() == {}


def test_a_fixture_is_loaded_as_it_is(tmp_path):
    post = make_post("a")
    file = tmp_path / "posts.json"
    call_command("dumpdata", "content.post", output=str(file), verbosity=0)
    Post.objects.filter(pk=post.pk).update(slug="b")
    call_command("loaddata", str(file), verbosity=0)
    assert redirects() == {}


PATHS = [f"/posts/{name}/" for name in "abcde"]
MOVES = st.lists(st.dictionaries(st.sampled_from(PATHS), st.sampled_from(PATHS), max_size=3), max_size=8)


class TestAnyMoves(TestCase):
    @given(MOVES)
    def test_no_redirect_leads_to_another_one(self, moves):
        for step in moves:
            move_paths(step)
            known = redirects()
            assert not known.keys() & set(known.values()), known
