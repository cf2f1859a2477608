"""The form of comments as a reader meets it: through the edge, with and without a script."""

import asyncio
import re
import time

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.db import connection

from content import limits
from content.caching.queries import count_queries
from content.limits import LocalMeter
from content.models import Comment, Post, SiteConfig
from content.services import comments as service
from content.views.comments import sign_token, token_age
from project.edge import with_edge
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "/posts/post-3/comment/"
POST = "/posts/post-3/"
LONG_AGO = 60


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    monkeypatch.setattr(limits, "local", LocalMeter())
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


async def wait_for_stores(site):
    """Wait until the edge has stored what it stores after its responses."""
    while tasks := site.engine.loop_state().tasks:
        await asyncio.wait(set(tasks))


def reader(site, address="203.0.113.7", **options):
    transport = httpx.ASGITransport(app=site, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", **options)


def hidden_in(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))


async def fill_form(person, post, path=FORM, **words):
    """The fields of a form that was rendered a minute ago."""
    html = (await person.get(path)).text
    fields = hidden_in(html) | {"token": sign_token(post.pk, time.time() - LONG_AGO)}
    return fields | {"name": "Ann", "email": "", "text": "Well said.", "website": ""} | words


async def send(person, post, path=FORM, **words):
    return await person.post(FORM, data=await fill_form(person, post, path, **words))


async def all_comments():
    return [comment async for comment in Comment.objects.order_by("pk")]


# --- what a reader does --------------------------------------------------------------------------------


async def test_a_comment_is_sent_moderated_and_shown_by_the_next_request(site, post):
    async with reader(site) as person, reader(site, "198.51.100.1") as other:
        assert "Nobody has commented" in (await other.get(POST)).text
        answer = await send(person, post, text="Well <b>said</b>.", email="ann@example.org")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{FORM}?sent")
        assert "awaits moderation" in (await person.get(answer.headers["location"])).text
        [comment] = await all_comments()
        assert (comment.status, comment.author_email) == ("pending", "ann@example.org")
        await wait_for_stores(site)
        hit = await other.get(POST)
        assert "; hit" in hit.headers["cache-status"]
        assert "Well" not in hit.text
        await asyncio.to_thread(moderate, comment.pk, "approved")
        shown = (await other.get(POST)).text
        assert "<p>Well &lt;b&gt;said&lt;/b&gt;.</p>" in shown
        assert "1 comment<" in shown
        assert "ann@example.org" not in shown
        await asyncio.to_thread(moderate, comment.pk, "rejected")
        assert "Well" not in (await other.get(POST)).text


def moderate(pk, status):
    service.moderate([pk], status)
    connection.close()


async def test_an_approval_invalidates_only_the_pages_of_that_post(site, blog, post):
    comment = await Comment.objects.acreate(post=post, author_name="Ann", body="Yes.", status="pending")
    async with reader(site) as person:
        for path in ("/", POST, "/posts/post-1/"):
            await person.get(path)
        await wait_for_stores(site)
        await asyncio.to_thread(moderate, comment.pk, "approved")
        text = {path: (await person.get(path)).headers["cache-status"] for path in ("/", POST, "/posts/post-1/")}
    assert {path for path, status in text.items() if "; hit" not in status} == {POST}


async def test_a_reply_names_its_parent(site, post):
    parent = await Comment.objects.acreate(post=post, author_name="Bob", body="First.", status="approved")
    path = f"{FORM}?reply_to={parent.pk}"
    async with reader(site) as person:
        assert f'href="{path}"' in (await person.get(POST)).text
        html = (await person.get(path)).text
        assert "Reply to <bdi>Bob</bdi>" in html
        assert "<p>First.</p>" in html
        assert (await send(person, post, path)).status_code == 303
    assert (await all_comments())[-1].parent_id == parent.pk


@pytest.mark.parametrize("number", ["999999", "0", "-1", "x", "9" * 40, "%00"])
async def test_a_reply_to_a_hidden_comment_says_so_and_has_no_parent(site, post, number):
    await Comment.objects.acreate(post=post, author_name="Bob", body="First.", status="spam")
    async with reader(site) as person:
        html = (await person.get(f"{FORM}?reply_to={number}")).text
        assert ("not shown any more" in html) == (number == "999999")
        assert (await send(person, post, reply_to=number)).status_code == 303
    assert (await all_comments())[-1].parent_id is None


# --- what is refused, and what is kept of it -----------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "\u202e \t"}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"text": " \r\n "}, "This field is required."),
        ({"text": "x" * 10_001}, "this one has 10,001"),
        ({"email": "nobody"}, "valid email"),
        ({"text": "a\x00b"}, "Null characters"),
        ({"token": "forged:1:x"}, "open for very long"),
        ({"token": ""}, "open for very long"),
    ],
)
async def test_the_text_stays_in_the_form_after_a_mistake(site, post, wrong, text):
    async with reader(site) as person:
        typed = {"name": "Ann & Bob", "email": "ann@example.org", "text": "<Kept>"}
        answer = await send(person, post, **typed | wrong)
    assert answer.status_code == 422
    assert text in answer.text
    assert 'role="alert"' in answer.text
    shown = {"name": "Ann &amp; Bob", "email": "ann@example.org", "text": "&lt;Kept&gt;"}
    assert all(text in answer.text for name, text in shown.items() if name not in wrong)
    assert await all_comments() == []


async def test_a_text_as_long_as_browsers_allow_is_accepted(site, post):
    async with reader(site) as person:
        assert (await send(person, post, text="\r\n".join(["x"] * 5000))).status_code == 303
    assert len((await all_comments())[0].body) == 9999


async def test_a_form_sent_too_quickly_must_be_sent_again(site, post):
    async with reader(site) as person:
        words = await fill_form(person, post, token=sign_token(post.pk, time.time()))
        answer = await person.post(FORM, data=words)
        assert (answer.status_code, "very quick" in answer.text) == (422, True)
        assert hidden_in(answer.text)["token"] == words["token"], "the second time it would be too quick again"
    assert await all_comments() == []


def test_a_token_is_valid_for_one_post_and_one_day():
    assert token_age(sign_token(1, 1000), 1, 1010) == 10
    assert token_age(sign_token(1, 1000), 2, 1010) is None
    assert token_age(sign_token(1, 1000), 1, 999) is None
    assert token_age(sign_token(1, 1000), 1, 1000 + 86_401) is None
    assert token_age("1:1000", 1, 1010) is None


async def test_the_same_words_are_refused(site, post):
    async with reader(site) as person:
        assert (await send(person, post)).status_code == 303
        answer = await send(person, post)
    assert answer.status_code == 409
    assert "came from you before" in answer.text
    assert len(await all_comments()) == 1


async def test_the_same_text_sent_at_once_is_stored_once(site, post):
    async with reader(site) as person:
        words = await fill_form(person, post)
        answers = await asyncio.gather(*(person.post(FORM, data=words) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 4
    assert len(await all_comments()) == 1


@pytest.mark.parametrize("words", [{"website": "http://buy.example"}, {"text": "www.a.b http://c [url=d] <a href="}])
async def test_comments_of_programs_are_accepted_and_marked_as_spam(site, post, words):
    async with reader(site) as person:
        assert (await send(person, post, **words)).status_code == 303
    assert [comment.status for comment in await all_comments()] == ["spam"]


async def test_closed_comments_have_no_form(site, post):
    async with reader(site) as person:
        words = await fill_form(person, post)
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
    assert await all_comments() == []


@pytest.mark.parametrize("fields", [{"status": "draft"}, {"password": "x"}, {"kind": "page"}])
async def test_a_post_that_is_not_public_has_no_form(site, post, fields):
    await asyncio.to_thread(make_and_close, "hidden", fields)
    async with reader(site) as person:
        words = await fill_form(person, post)
        for path in ("/posts/hidden/comment/", "/posts/nothing/comment/"):
            for answer in (await person.get(path), await person.post(path, data=words)):
                assert answer.status_code == 404
                assert answer.headers["cache-control"] == "no-store"
                assert "evergreen-cache-control" not in answer.headers
        await Post.objects.filter(pk=post.pk).aupdate(status="withdrawn")
        assert (await person.post(FORM, data=words)).status_code == 404
    assert await all_comments() == []


def make_and_close(slug, fields):
    make_post(slug, **fields)
    connection.close()


# --- many from one address -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_one_address_stores_as_many_comments_as_its_limit_allows(site, post, count):
    async with reader(site) as person, reader(site, "2001:db8:1:2::1") as other:
        words = await fill_form(person, post)
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
        assert (await send(other, post, text="From elsewhere.")).status_code == 303
    assert len(await all_comments()) == 6


async def test_all_addresses_of_an_ipv6_network_share_a_limit(site, post):
    statuses = []
    for number in range(8):
        async with reader(site, f"2001:db8:1:2::{number:x}") as person:
            statuses.append((await send(person, post, text=str(number))).status_code)
    assert statuses == [303] * 5 + [429] * 3


async def test_header_fields_and_cookies_of_a_stranger_change_nothing(site, post):
    statuses = []
    for number in range(8):
        forged = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": "198.51.100.9", "forwarded": "for=1.2.3.4"}
        async with reader(site, headers=forged) as person:
            statuses.append((await send(person, post, text=str(number))).status_code)
    assert statuses == [303] * 5 + [429] * 3


# --- the edge, cookies and tokens ----------------------------------------------------------------------


async def test_no_cache_stores_the_form_and_its_cookie(site, post):
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
        first = await fill_form(person, post, text="One.")
        second = await fill_form(person, post, text="Two.")
        assert (await person.post(FORM, data=first)).status_code == 303
        assert (await person.post(FORM, data=second)).status_code == 303


async def test_pages_have_no_form_no_token_and_no_cookie_also_for_a_commenter(site, post):
    async with reader(site) as person, reader(site) as stranger:
        await send(person, post)
        assert set(person.cookies) == {"csrftoken"}
        ours = await person.get(POST)
        await wait_for_stores(site)
        theirs = await stranger.get(POST)
        assert ours.text == theirs.text
        assert "csrf" not in ours.text
        assert '<form method="post"' not in ours.text
        assert ours.text.count("<form") == 1, "that of the search alone"
        assert "set-cookie" not in ours.headers
        assert "; hit" in theirs.headers["cache-status"]
        assert "; hit" in (await person.get(POST)).headers["cache-status"]


async def test_a_form_without_its_token_is_refused_with_the_sites_layout(site, post):
    async with reader(site) as person:
        words = await fill_form(person, post)
        for broken in (words | {"csrfmiddlewaretoken": "x" * 64}, {"text": "Well"}):
            answer = await person.post(FORM, data=broken)
            assert answer.status_code == 403
            assert "The form was not accepted" in answer.text
        answer = await person.post(FORM, data=words, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
        person.cookies.clear()
        assert (await person.post(FORM, data=words)).status_code == 403
    assert await all_comments() == []


@pytest.mark.parametrize(
    "body",
    [b"text=" + b"x" * 11 * 2**20, b"&".join(b"a%d=1" % number for number in range(2000)), b"\xff\x00=%ff", b""],
    ids=["too large", "too many fields", "no text", "nothing"],
)
async def test_a_body_that_is_not_a_form_is_refused(site, post, body):
    async with reader(site) as person:
        await person.get(FORM)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await person.post(FORM, content=body, headers=headers)
    assert answer.status_code in (400, 403, 413)
    assert 'class="masthead"' in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_of_the_form_are_405(site, post, method):
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
