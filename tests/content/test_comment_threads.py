"""A post's thread: what readers get of its comments, in which order, and when it ends."""

from datetime import timedelta

import msgspec
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from content import resources
from content.caching.queries import count_queries
from content.models import Comment
from content.selectors import comments as selectors
from content.selectors.comments import order_by_conversation
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def post():
    return make_post("talk")


def comment(post, name="Ann", *, parent=None, status="approved", minutes=0, body="Well said."):
    return Comment.objects.create(
        post=post,
        author_name=name,
        author_email="secret@example.org",
        body=body,
        parent=parent,
        status=status,
        created_at=timezone.now() + timedelta(minutes=minutes),
    )


def thread_of(post):
    return async_to_sync(resources.comments.get)(post.pk)


def outline(post):
    return [(each.author_name, each.depth, each.parent_name) for each in thread_of(post).comments]


# --- the order of a conversation -----------------------------------------------------------------------


def test_replies_follow_their_parents_in_order_of_time(post):
    ann = comment(post, "Ann")
    comment(post, "Eve", minutes=4)
    bob = comment(post, "Bob", parent=ann, minutes=2)
    comment(post, "Dan", parent=ann, minutes=3)
    comment(post, "Cat", parent=bob, minutes=5)
    assert outline(post) == [("Ann", 0, ""), ("Bob", 1, "Ann"), ("Cat", 2, "Bob"), ("Dan", 1, "Ann"), ("Eve", 0, "")]


def test_depth_is_bounded(post):
    last = None
    for number in range(8):
        last = comment(post, str(number), parent=last, minutes=number)
    assert [depth for _, depth, _ in outline(post)] == [0, 1, 2, 3, 4, 4, 4, 4]
    assert outline(post)[-1] == ("7", 4, "6")


@pytest.mark.parametrize("status", ["pending", "rejected", "spam"])
def test_a_reply_to_a_hidden_comment_begins_a_conversation(post, status):
    hidden = comment(post, "Hidden", status=status)
    reply = comment(post, "Ann", parent=hidden, minutes=1)
    comment(post, "Bob", parent=reply, minutes=2)
    assert outline(post) == [("Ann", 0, ""), ("Bob", 1, "Ann")]
    assert thread_of(post).comments[0].parent is None


@given(st.dictionaries(st.integers(0, 30), st.none() | st.integers(0, 40)))
def test_every_comment_is_placed_once_for_any_parents(parents):
    placed = order_by_conversation(parents)
    assert sorted(placed) == sorted(parents)
    for pk, depth in placed.items():
        assert depth == 0 or placed[parents[pk]] == depth - 1


def test_a_long_chain_needs_no_deep_stack():
    assert max(order_by_conversation({number: number - 1 or None for number in range(1, 20_000)}).values()) == 19_998


def test_a_thread_is_bounded_in_number_and_in_length(post, monkeypatch):
    monkeypatch.setattr(selectors, "MOST_SHOWN", 3)
    for number in range(5):
        comment(post, str(number), minutes=number)
    assert [name for name, _, _ in outline(post)] == ["2", "3", "4"]
    assert thread_of(post).total == 5
    cache.clear()
    monkeypatch.setattr(selectors, "LONGEST_THREAD", 40)
    assert [name for name, _, _ in outline(post)] == ["3", "4"]
    cache.clear()
    monkeypatch.setattr(selectors, "LONGEST_THREAD", 1)
    assert [name for name, _, _ in outline(post)] == ["4"]


# --- what is served ------------------------------------------------------------------------------------


def test_mail_addresses_are_nowhere(post):
    comment(post)
    assert b"secret" not in msgspec.json.encode(thread_of(post))


def test_one_query_cold_and_none_warm(post):
    for number in range(50):
        comment(post, str(number), minutes=number)
    with count_queries() as cold:
        thread_of(post)
    with count_queries() as warm:
        assert thread_of(post).total == 50
    assert (cold.count, warm.count) == (1, 0)
    assert thread_of(make_post("silent")).comments == ()
