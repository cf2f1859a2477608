"""Comments are taken where they may be, and moderated at once for everybody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from content.caching.watch import relay
from content.caching.watch.models import WatchedChange
from content.models import Comment, Post, SiteConfig
from content.ops.queries import count_queries
from content.services import comments
from content.services.comments import AlreadySaid, CommentsClosed, NoSuchPost
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def post():
    return make_post("talk")


class Told:
    """What readers' caches are told."""

    def now(self):
        """The tags of what was written since the last call, as one list; none if there are none."""
        rows = WatchedChange.objects.all()
        tags, _ = relay._tags_of(rows)
        rows.delete()
        return [sorted(tags)] if tags else []


@pytest.fixture
def told(post):
    told = Told()
    told.now()
    return told


def submitted(post, body="Well said.", **fields):
    return comments.submit(post.pk, author_name="Ann", body=body, **fields)


def stored(post, status="approved", **fields):
    return Comment.objects.create(post=post, author_name="Bob", body="Yes.", status=status, **fields)


# --- what is taken -------------------------------------------------------------------------------------


def test_a_comment_waits_for_its_moderator_and_no_reader_is_told(post, told):
    comment = submitted(post, "<b>Well</b> said.", author_email="ann@example.org")
    assert Comment.objects.get() == comment
    assert (comment.status, comment.html) == ("pending", "<p>&lt;b&gt;Well&lt;/b&gt; said.</p>")
    assert submitted(post, "Buy.", is_spam=True).status == "spam"
    assert told.now() == []


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
def test_nobody_comments_on_what_no_reader_sees(fields):
    with pytest.raises(NoSuchPost):
        submitted(make_post("hidden", **fields))
    with pytest.raises(NoSuchPost):
        comments.submit(10**9, author_name="Ann", body="Anybody?")
    assert not Comment.objects.exists()


def test_a_post_or_the_whole_site_can_be_closed(post):
    with pytest.raises(CommentsClosed):
        submitted(make_post("closed", comments_open=False))
    SiteConfig(comments_open=False).save()
    with pytest.raises(CommentsClosed):
        submitted(post)
    assert not Comment.objects.exists()


def test_the_same_words_are_taken_once_a_day(post):
    first = submitted(post)
    with pytest.raises(AlreadySaid):
        submitted(post)
    submitted(post, "Other words.")
    submitted(make_post("another"))
    Comment.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=2))
    submitted(post)
    assert Comment.objects.count() == 4


def test_a_reply_stands_under_what_is_shown_and_else_for_itself(post):
    shown, hidden, elsewhere = stored(post), stored(post, "rejected"), stored(make_post("another"))
    assert submitted(post, "1", reply_to=shown.pk).parent == shown
    for number, other in enumerate([hidden.pk, elsewhere.pk, 10**9]):
        assert submitted(post, f"other {number}", reply_to=other).parent is None


# --- moderation ----------------------------------------------------------------------------------------


def test_moderating_tells_of_the_threads_that_look_different_once(post, told):
    others = [make_post(f"other-{number}") for number in range(3)]
    pending = [stored(each, "pending") for each in (post, post, others[0])]
    spam, rejected = stored(others[1], "spam"), stored(others[2], "rejected")
    approved = stored(others[2])
    told.now()
    pks = [each.pk for each in (*pending, approved)]
    assert comments.moderate(pks, "approved") == 3
    assert told.now() == [sorted([f"comments:{post.pk}", f"comments:{others[0].pk}"])]
    assert comments.moderate([spam.pk, rejected.pk, 10**9], "rejected") == 1
    assert told.now() == []
    assert comments.moderate([approved.pk, approved.pk, pending[0].pk], Comment.Status.SPAM) == 2
    assert told.now() == [sorted([f"comments:{others[2].pk}", f"comments:{post.pk}"])]
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


def test_a_moderation_that_fails_changes_nothing(post, told, monkeypatch):
    pks = [stored(post, "pending").pk for _ in range(3)]
    monkeypatch.setattr(comments, "AT_ONCE", 2)
    asked = []

    def refusing(execute, sql, params, many, context):
        asked.append(sql.startswith("UPDATE"))
        if asked[-1] and sum(asked) > 1:
            raise RuntimeError("the database is gone")
        return execute(sql, params, many, context)

    with pytest.raises(RuntimeError), connection.execute_wrapper(refusing):
        comments.moderate(pks, "approved")
    assert Comment.objects.filter(status="approved").count() == 0
    assert told.now() == []


# --- single rows ---------------------------------------------------------------------------------------


def test_saving_and_deleting_tell_of_what_readers_see_alone(post, told):
    tag = [f"comments:{post.pk}"]
    hidden = stored(post, "pending")
    assert told.now() == []
    hidden.status = "approved"
    hidden.save()
    assert told.now() == [tag]
    hidden.body = "Edited."
    hidden.save()
    assert told.now() == [tag]
    hidden.status = "spam"
    hidden.save()
    assert told.now() == [tag]
    hidden.delete()
    assert told.now() == []
    stored(post)
    told.now()
    Comment.objects.all().delete()
    assert told.now() == [tag]


def test_a_comment_that_moves_is_missed_in_both_threads(post, told):
    comment, other = stored(post), make_post("other")
    told.now()
    comment.post = other
    comment.save()
    assert told.now() == [sorted([f"comments:{post.pk}", f"comments:{other.pk}"])]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_post_that_goes_takes_its_thread_along_in_one_record(post, told, at_once):
    for _ in range(20):
        stored(post)
    told.now()
    pk = post.pk
    if at_once:
        Post.objects.filter(pk=pk).delete()
    else:
        post.delete()
    naming = [tags for tags in told.now() if f"comments:{pk}" in tags]
    assert len(naming) == 1
