"""The form of comments as a reader meets it: through the edge, with and without a script."""

import asyncio
import re
import time

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.db import connection

from content.limits import limit as limit_module
from content.limits.local import LocalMeter
from content.models import Comment, Post, SiteConfig
from content.ops.queries import count_queries
from content.services import comments as service
from content.views.stamps import age, stamp
from project.edge import with_edge
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "/posts/post-3/comment/"
POST = "/posts/post-3/"
LONG_AGO = 60


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    monkeypatch.setattr(limit_module, "local", LocalMeter())
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def blog():
    return make_blog(5)


@pytest.fixture
def post(blog):
    return blog[3]


@pytest.fixture
def site(post):
    """The application behind its edge."""
    return with_edge(get_asgi_application())


async def kept(site):
    """What the edge stores behind its readers is stored."""
    while tasks := site.engine.loop_state().tasks:
        await asyncio.wait(set(tasks))


def reader(site, address="203.0.113.7", **options):
    transport = httpx.ASGITransport(app=site, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", **options)


def hidden_in(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))


async def filled(person, post, path=FORM, **words):
    """As typed a minute after the form came."""
    html = (await person.get(path)).text
    fields = hidden_in(html) | {"stamp": stamp(post.pk, time.time() - LONG_AGO)}
    return fields | {"name": "Ann", "email": "", "text": "Well said.", "website": ""} | words


async def sent(person, post, path=FORM, **words):
    return await person.post(FORM, data=await filled(person, post, path, **words))


async def stored():
    return [comment async for comment in Comment.objects.order_by("pk")]


# --- what a reader does --------------------------------------------------------------------------------


async def test_a_comment_is_sent_moderated_and_shown_by_the_next_request(site, post):
    async with reader(site) as person, reader(site, "198.51.100.1") as other:
        assert "Nobody has commented" in (await other.get(POST)).text
        answer = await sent(person, post, text="Well <b>said</b>.", email="ann@example.org")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{FORM}?sent")
        assert "awaits moderation" in (await person.get(answer.headers["location"])).text
        [comment] = await stored()
        assert (comment.status, comment.author_email) == ("pending", "ann@example.org")
        await kept(site)
        hit = await other.get(POST)
        assert "; hit" in hit.headers["cache-status"]
        assert "Well" not in hit.text
        await asyncio.to_thread(moderated, comment.pk, "approved")
        shown = (await other.get(POST)).text
        assert "<p>Well &lt;b&gt;said&lt;/b&gt;.</p>" in shown
        assert "1 comment<" in shown
        assert "ann@example.org" not in shown
        await asyncio.to_thread(moderated, comment.pk, "rejected")
        assert "Well" not in (await other.get(POST)).text


def moderated(pk, status):
    service.moderate([pk], status)
    connection.close()


async def test_approving_ends_the_pages_of_that_post_alone(site, blog, post):
    comment = await Comment.objects.acreate(post=post, author_name="Ann", body="Yes.", status="pending")
    async with reader(site) as person:
        for path in ("/", POST, "/posts/post-1/"):
            await person.get(path)
        await kept(site)
        await asyncio.to_thread(moderated, comment.pk, "approved")
        told = {path: (await person.get(path)).headers["cache-status"] for path in ("/", POST, "/posts/post-1/")}
    assert {path for path, status in told.items() if "; hit" not in status} == {POST}


async def test_a_reply_names_what_it_replies_to(site, post):
    parent = await Comment.objects.acreate(post=post, author_name="Bob", body="First.", status="approved")
    path = f"{FORM}?reply_to={parent.pk}"
    async with reader(site) as person:
        assert f'href="{path}"' in (await person.get(POST)).text
        html = (await person.get(path)).text
        assert "Reply to <bdi>Bob</bdi>" in html
        assert "<p>First.</p>" in html
        assert (await sent(person, post, path)).status_code == 303
    assert (await stored())[-1].parent_id == parent.pk


@pytest.mark.parametrize("number", ["999999", "0", "-1", "x", "9" * 40, "%00"])
async def test_a_reply_to_what_is_not_shown_is_told_so_and_stands_by_itself(site, post, number):
    await Comment.objects.acreate(post=post, author_name="Bob", body="First.", status="spam")
    async with reader(site) as person:
        html = (await person.get(f"{FORM}?reply_to={number}")).text
        assert ("not shown any more" in html) == (number == "999999")
        assert (await sent(person, post, reply_to=number)).status_code == 303
    assert (await stored())[-1].parent_id is None


# --- what is refused, and what is kept of it -----------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "\u202e \t"}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"text": " \r\n "}, "This field is required."),
        ({"text": "x" * 10_001}, "this one has 10,001"),
        ({"email": "nobody"}, "valid email"),
        ({"text": "a\x00b"}, "Null characters"),
        ({"stamp": "forged:1:x"}, "open for very long"),
        ({"stamp": ""}, "open for very long"),
    ],
)
async def test_what_was_typed_is_kept_when_something_is_wrong(site, post, wrong, told):
    async with reader(site) as person:
        typed = {"name": "Ann & Bob", "email": "ann@example.org", "text": "<Kept>"}
        answer = await sent(person, post, **typed | wrong)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'role="alert"' in answer.text
    shown = {"name": "Ann &amp; Bob", "email": "ann@example.org", "text": "&lt;Kept&gt;"}
    assert all(text in answer.text for name, text in shown.items() if name not in wrong)
    assert await stored() == []


async def test_a_text_as_long_as_browsers_let_it_be_is_taken(site, post):
    async with reader(site) as person:
        assert (await sent(person, post, text="\r\n".join(["x"] * 5000))).status_code == 303
    assert len((await stored())[0].body) == 9999


async def test_whoever_is_too_quick_sends_it_again(site, post):
    async with reader(site) as person:
        words = await filled(person, post, stamp=stamp(post.pk, time.time()))
        answer = await person.post(FORM, data=words)
        assert (answer.status_code, "very quick" in answer.text) == (422, True)
        assert hidden_in(answer.text)["stamp"] == words["stamp"], "the second time it would be too quick again"
    assert await stored() == []


def test_a_stamp_is_one_posts_and_one_days():
    assert age(stamp(1, 1000), 1, 1010) == 10
    assert age(stamp(1, 1000), 2, 1010) is None
    assert age(stamp(1, 1000), 1, 999) is None
    assert age(stamp(1, 1000), 1, 1000 + 86_401) is None
    assert age("1:1000", 1, 1010) is None


async def test_the_same_words_are_refused(site, post):
    async with reader(site) as person:
        assert (await sent(person, post)).status_code == 303
        answer = await sent(person, post)
    assert answer.status_code == 409
    assert "came from you before" in answer.text
    assert len(await stored()) == 1


async def test_of_the_same_words_at_once_one_is_stored(site, post):
    async with reader(site) as person:
        words = await filled(person, post)
        answers = await asyncio.gather(*(person.post(FORM, data=words) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 4
    assert len(await stored()) == 1


@pytest.mark.parametrize("words", [{"website": "http://buy.example"}, {"text": "www.a.b http://c [url=d] <a href="}])
async def test_programs_are_thanked_and_their_words_are_spam(site, post, words):
    async with reader(site) as person:
        assert (await sent(person, post, **words)).status_code == 303
    assert [comment.status for comment in await stored()] == ["spam"]


async def test_where_comments_are_closed_nobody_is_let_in(site, post):
    async with reader(site) as person:
        words = await filled(person, post)
        await Post.objects.filter(pk=post.pk).aupdate(comments_open=False)
        answer = await person.post(FORM, data=words)
        assert (answer.status_code, "are closed" in answer.text, "Well said." in answer.text) == (403, True, True)
        await Post.objects.filter(pk=post.pk).aupdate(comments_open=True)
        await SiteConfig.objects.aupdate(comments_open=False)
        cache.clear()
        assert (await person.post(FORM, data=words)).status_code == 403
        assert (await person.get(FORM)).status_code == 403
        page = (await person.get(POST)).text
        assert "Comments are closed." in page
        assert "/comment/" not in page
    assert await stored() == []


@pytest.mark.parametrize("fields", [{"status": "draft"}, {"password": "x"}, {"kind": "page"}])
async def test_what_is_not_public_has_no_form(site, post, fields):
    await asyncio.to_thread(made, "hidden", fields)
    async with reader(site) as person:
        words = await filled(person, post)
        for path in ("/posts/hidden/comment/", "/posts/nothing/comment/"):
            for answer in (await person.get(path), await person.post(path, data=words)):
                assert answer.status_code == 404
                assert answer.headers["cache-control"] == "no-store"
                assert "evergreen-cache-control" not in answer.headers
        await Post.objects.filter(pk=post.pk).aupdate(status="withdrawn")
        assert (await person.post(FORM, data=words)).status_code == 404
    assert await stored() == []


def made(slug, fields):
    make_post(slug, **fields)
    connection.close()


# --- many from one address -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_of_many_from_one_address_as_many_are_stored_as_are_allowed(site, post, count):
    async with reader(site) as person, reader(site, "2001:db8:1:2::1") as other:
        words = await filled(person, post)
        await person.post(FORM, data=words)
        crowd = [words | {"text": f"Comment {number}."} for number in range(count - 1)]
        with count_queries() as queries:
            answers = [await person.post(FORM, data=each) for each in crowd]
        assert [answer.status_code for answer in answers] == [303] * 4 + [429] * (count - 5)
        assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers[4:])
        assert f"Comment {count - 2}." in answers[-1].text
        assert 'class="masthead"' in answers[-1].text
        # Four were stored, and the others have cost the database nothing.
        assert queries.count <= 4 * 8, queries.statements
        assert (await sent(other, post, text="From elsewhere.")).status_code == 303
    assert len(await stored()) == 6


async def test_of_an_ipv6_network_all_addresses_are_one(site, post):
    statuses = []
    for number in range(8):
        async with reader(site, f"2001:db8:1:2::{number:x}") as person:
            statuses.append((await sent(person, post, text=str(number))).status_code)
    assert statuses == [303] * 5 + [429] * 3


async def test_what_a_stranger_says_of_himself_changes_nothing(site, post):
    statuses = []
    for number in range(8):
        forged = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": "198.51.100.9", "forwarded": "for=1.2.3.4"}
        async with reader(site, headers=forged) as person:
            statuses.append((await sent(person, post, text=str(number))).status_code)
    assert statuses == [303] * 5 + [429] * 3


# --- the edge, cookies and tokens ----------------------------------------------------------------------


async def test_the_form_and_its_cookie_are_kept_by_nobody(site, post):
    async with reader(site) as one, reader(site) as other:
        first, second = await one.get(FORM), await other.get(FORM)
        for answer in (first, second, await one.get(f"{FORM}?sent")):
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-robots-tag"] == "noindex"
            assert "etag" not in answer.headers
            assert "cache-status" not in answer.headers
            assert "sessionid" not in answer.headers.get("set-cookie", "")
        assert first.cookies["csrftoken"] != second.cookies["csrftoken"]
        assert hidden_in(first.text)["csrfmiddlewaretoken"] != hidden_in(second.text)["csrfmiddlewaretoken"]


async def test_two_forms_of_one_reader_both_work(site, post):
    """The cookie is seen by the application: a second form does not take away the first one's."""
    async with reader(site) as person:
        first = await filled(person, post, text="One.")
        second = await filled(person, post, text="Two.")
        assert (await person.post(FORM, data=first)).status_code == 303
        assert (await person.post(FORM, data=second)).status_code == 303


async def test_pages_of_readers_have_no_form_no_token_and_no_cookie_also_for_who_has_commented(site, post):
    async with reader(site) as person, reader(site) as stranger:
        await sent(person, post)
        assert set(person.cookies) == {"csrftoken"}
        ours = await person.get(POST)
        await kept(site)
        theirs = await stranger.get(POST)
        assert ours.text == theirs.text
        assert "csrf" not in ours.text
        assert '<form method="post"' not in ours.text
        assert ours.text.count("<form") == 1, "that of the search alone"
        assert "set-cookie" not in ours.headers
        assert "; hit" in theirs.headers["cache-status"]
        assert "; hit" in (await person.get(POST)).headers["cache-status"]


async def test_a_form_without_its_token_is_refused_in_the_sites_dress(site, post):
    async with reader(site) as person:
        words = await filled(person, post)
        for broken in (words | {"csrfmiddlewaretoken": "x" * 64}, {"text": "Well"}):
            answer = await person.post(FORM, data=broken)
            assert answer.status_code == 403
            assert "The form was not accepted" in answer.text
        answer = await person.post(FORM, data=words, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
        person.cookies.clear()
        assert (await person.post(FORM, data=words)).status_code == 403
    assert await stored() == []


@pytest.mark.parametrize(
    "body",
    [b"text=" + b"x" * 11 * 2**20, b"&".join(b"a%d=1" % number for number in range(2000)), b"\xff\x00=%ff", b""],
    ids=["too large", "too many fields", "no text", "nothing"],
)
async def test_a_body_that_is_no_form_is_refused(site, post, body):
    async with reader(site) as person:
        await person.get(FORM)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await person.post(FORM, content=body, headers=headers)
    assert answer.status_code in (400, 403, 413)
    assert 'class="masthead"' in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_nothing_else_can_be_done_to_a_form(site, post, method):
    async with reader(site) as person:
        assert (await person.request(method, FORM)).status_code in (403, 405)


# --- what it costs -------------------------------------------------------------------------------------


async def test_a_page_with_fifty_comments_and_a_form_are_read_without_sql(async_client, post):
    """Without the edge: page and form are made anew, of what is cached."""
    await Comment.objects.abulk_create(
        Comment(post=post, author_name="Ann", body=str(number), html=f"<p>{number}</p>", status="approved")
        for number in range(50)
    )
    await async_client.get(POST)
    with count_queries() as queries:
        page = await async_client.get(POST)
        form = await async_client.get(f"{FORM}?reply_to=1")
    assert page.content.count(b'class="comment"') == 50
    assert b"Write a comment" in form.content or b"Reply to" in form.content
    assert queries.statements == []
