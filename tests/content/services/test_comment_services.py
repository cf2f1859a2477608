"""Comments: accepted only where they are open, and moderated in one statement."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from content.caching.queries import count_queries
from content.caching.watch import relay
from content.caching.watch.models import WatchedChange
from content.models import Comment, Post, SiteConfig
from content.services import comments
from content.services.comments import AlreadySaid, CommentsClosed, NoSuchPost
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def post():
    return make_post("talk")


class Invalidations:
    """The tags that writes invalidate."""

    def take(self):
        """The tags of all writes since the last call, as one sorted list; no list if there are none."""
        rows = WatchedChange.objects.all()
        tags, _ = relay._tags_of(rows)
        rows.delete()
        return [sorted(tags)] if tags else []


@pytest.fixture
def invalidations(post):
    invalidations = Invalidations()
    invalidations.take()
    return invalidations


def submit(post, body="Well said.", **fields):
    return comments.submit(post.pk, author_name="Ann", body=body, **fields)


def make_comment(post, status="approved", **fields):
    return Comment.objects.create(post=post, author_name="Bob", body="Yes.", status=status, **fields)


# --- what is taken -------------------------------------------------------------------------------------


def test_a_new_comment_is_pending_and_invalidates_nothing(post, invalidations):
    comment = submit(post, "<b>Well</b> said.", author_email="ann@example.org")
    assert Comment.objects.get() == comment
    assert (comment.status, comment.html) == ("pending", "<p>&lt;b&gt;Well&lt;/b&gt; said.</p>")
    assert submit(post, "Buy.", is_spam=True).status == "spam"
    assert invalidations.take() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withdrawn"},
        {"password": "secret"},
        {"kind": "page"},
        {"status": "scheduled", "published_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_posts_that_are_not_public_take_no_comments(fields):
    with pytest.raises(NoSuchPost):
        submit(make_post("hidden", **fields))
    with pytest.raises(NoSuchPost):
        comments.submit(10**9, author_name="Ann", body="Anybody?")
    assert not Comment.objects.exists()


def test_a_post_or_the_whole_site_can_be_closed(post):
    with pytest.raises(CommentsClosed):
        submit(make_post("closed", comments_open=False))
    SiteConfig(comments_open=False).save()
    with pytest.raises(CommentsClosed):
        submit(post)
    assert not Comment.objects.exists()


def test_the_same_words_are_taken_once_a_day(post):
    first = submit(post)
    with pytest.raises(AlreadySaid):
        submit(post)
    submit(post, "Other words.")
    submit(make_post("another"))
    Comment.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=2))
    submit(post)
    assert Comment.objects.count() == 4


def test_a_reply_keeps_its_parent_only_if_that_is_shown(post):
    shown, hidden, elsewhere = make_comment(post), make_comment(post, "rejected"), make_comment(make_post("another"))
    assert submit(post, "1", reply_to=shown.pk).parent == shown
    for number, other in enumerate([hidden.pk, elsewhere.pk, 10**9]):
        assert submit(post, f"other {number}", reply_to=other).parent is None


# --- moderation ----------------------------------------------------------------------------------------


def test_moderating_tells_of_the_threads_that_look_different_once(post, invalidations):
    others = [make_post(f"other-{number}") for number in range(3)]
    pending = [make_comment(each, "pending") for each in (post, post, others[0])]
    spam, rejected = make_comment(others[1], "spam"), make_comment(others[2], "rejected")
    approved = make_comment(others[2])
    invalidations.take()
    pks = [each.pk for each in (*pending, approved)]
    assert comments.moderate(pks, "approved") == 3
    assert invalidations.take() == [sorted([f"comments:{post.pk}", f"comments:{others[0].pk}"])]
    assert comments.moderate([spam.pk, rejected.pk, 10**9], "rejected") == 1
    assert invalidations.take() == []
    assert comments.moderate([approved.pk, approved.pk, pending[0].pk], Comment.Status.SPAM) == 2
    assert invalidations.take() == [sorted([f"comments:{others[2].pk}", f"comments:{post.pk}"])]
    assert comments.moderate([], "approved") == 0
    with pytest.raises(ValueError, match="nonsense"):
        comments.moderate([spam.pk], "nonsense")


def test_moderating_costs_two_queries_for_each_thousand(post):
    Comment.objects.bulk_create(
        Comment(post=post, author_name="x", body=str(number), status="pending") for number in range(2500)
    )
    pks = list(Comment.objects.values_list("pk", flat=True))
    with count_queries() as queries:
        assert comments.moderate(iter(pks), "spam") == 2500
    assert sum("SAVEPOINT" not in each for each in queries.statements) == 6


def test_a_moderation_that_fails_changes_nothing(post, invalidations, monkeypatch):
    pks = [make_comment(post, "pending").pk for _ in range(3)]
    monkeypatch.setattr(comments, "BATCH", 2)
    asked = []

    def refusing(execute, sql, params, many, context):
        asked.append(sql.startswith("UPDATE"))
        if asked[-1] and sum(asked) > 1:
            raise RuntimeError("the database is gone")
        return execute(sql, params, many, context)

    with pytest.raises(RuntimeError), connection.execute_wrapper(refusing):
        comments.moderate(pks, "approved")
    assert Comment.objects.filter(status="approved").count() == 0
    assert invalidations.take() == []


# --- single rows ---------------------------------------------------------------------------------------


def test_saving_and_deleting_invalidate_only_visible_comments(post, invalidations):
    tag = [f"comments:{post.pk}"]
    hidden = make_comment(post, "pending")
    assert invalidations.take() == []
    hidden.status = "approved"
    hidden.save()
    assert invalidations.take() == [tag]
    hidden.body = "Edited."
    hidden.save()
    assert invalidations.take() == [tag]
    hidden.status = "spam"
    hidden.save()
    assert invalidations.take() == [tag]
    hidden.delete()
    assert invalidations.take() == []
    make_comment(post)
    invalidations.take()
    Comment.objects.all().delete()
    assert invalidations.take() == [tag]


def test_a_comment_that_moves_is_missed_in_both_threads(post, invalidations):
    comment, other = make_comment(post), make_post("other")
    invalidations.take()
    comment.post = other
    comment.save()
    assert invalidations.take() == [sorted([f"comments:{post.pk}", f"comments:{other.pk}"])]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_post_that_goes_takes_its_thread_along_in_one_record(post, invalidations, at_once):
    for _ in range(20):
        make_comment(post)
    invalidations.take()
    pk = post.pk
    if at_once:
        Post.objects.filter(pk=pk).delete()
    else:
        post.delete()
    naming = [tags for tags in invalidations.take() if f"comments:{pk}" in tags]
    assert len(naming) == 1
