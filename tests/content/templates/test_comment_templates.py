"""Comments by themselves: valid, safe whatever their writers are called, and free of what the policy forbids."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import html5lib
import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from content.documents import CommentDocument, PostDocument, SiteDocument, ThreadDocument
from content.rendering import render_comment
from content.views.comments import CommentForm

NASTY = "Q&A <b>\"quoted\"</b> 'n' <script>alert(1)</script>"
TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
SITE = SiteDocument(title=f"Site {NASTY}")
POST = PostDocument(
    id=1,
    kind="post",
    url="/posts/one/",
    title=NASTY,
    excerpt="",
    html="<p>Body.</p>",
    published_at=TIME,
    updated_at=TIME,
)
FIRST = CommentDocument(
    id=1, author_name=NASTY, html=render_comment(f"{NASTY}\n\nhttps://a.org/?b=1&c"), created_at=TIME
)
REPLY = CommentDocument(
    id=2, author_name="Bob", html=render_comment("Yes."), created_at=TIME, parent=1, parent_name=NASTY, depth=1
)
THREAD = ThreadDocument(comments=(FIRST, REPLY), total=3)
STATIC = Path("content/static/content")


def form(data=None):
    return CommentForm(data, post=1, now=time.time(), least_seconds=2)


def page(template, **context):
    dress = {"site": SITE, "post": POST, "path": "/posts/one/comment/", "thread": ThreadDocument(), "is_open": True}
    return render_to_string(template, dress | context, request=RequestFactory().get("/posts/one/"))


def refused():
    wrong = form({"name": NASTY, "email": NASTY, "text": "", "token": NASTY})
    assert not wrong.is_valid()
    return wrong


PAGES = {
    "a thread": lambda: page("content/post.html", thread=THREAD),
    "no comment yet": lambda: page("content/post.html"),
    "closed": lambda: page("content/post.html", thread=THREAD, is_open=False),
    "the form": lambda: page("content/comment.html", form=form()),
    "a reply": lambda: page("content/comment.html", form=form(), parent=FIRST, is_reply=True),
    "a reply to nothing": lambda: page("content/comment.html", form=form(), parent=None, is_reply=True),
    "errors": lambda: page("content/comment.html", form=refused(), parent=FIRST, is_reply=True),
    "thanks": lambda: page("content/comment.html", sent=True),
    "closed form": lambda: page("content/comment.html", closed="Comments are closed here."),
    "no token": lambda: page("403_csrf.html"),
}


@pytest.fixture(params=PAGES)
def html(request):
    return PAGES[request.param]()


def test_it_is_valid_html_and_no_name_is_read_as_markup(html):
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    named = {name for element in tree.iter() for name in (element.get("aria-labelledby") or "").split()}
    named |= {element.get("for") for element in tree.iter("label")}
    described = {name for element in tree.iter() for name in (element.get("aria-describedby") or "").split()}
    anchors = {element.get("href")[1:] for element in tree.iter("a") if element.get("href", "").startswith("#")}
    assert named | described | anchors <= set(ids)
    scripts = [element for element in tree.iter("script") if element.get("type") != "application/ld+json"]
    assert not any(element.text for element in scripts)


def test_nothing_is_inline(html):
    assert not re.search(
        r"<style|\sstyle=|\son[a-z]+=[\"']|javascript:|<script(?![^>]* (src=|type=\"application/ld))", html
    )


def test_what_readers_see_of_all_is_the_same_for_all():
    shown = PAGES["a thread"]()
    assert "csrf" not in shown
    assert '<form method="post"' not in shown
    assert "The latest 2 are shown." in shown


def test_a_page_has_a_place_for_comments_only_when_it_has_some():
    about = PostDocument(**{name: getattr(POST, name) for name in POST.__struct_fields__} | {"kind": "page"})
    assert 'id="comments"' not in page("content/post.html", post=about, is_open=False)
    assert "Comments are closed." in page("content/post.html", post=about, thread=THREAD, is_open=False)


@pytest.mark.parametrize("name", ["comments.css", "comments.js"])
def test_nothing_is_asked_of_another_host(name):
    assert not re.search(r"https?://|url\(|@import", (STATIC / name).read_text())


@pytest.mark.parametrize(("typed", "kept"), [("\u0645\u06cc\u200c\u062e",) * 2, ("A\u202eb\tc", "A b c")])
def test_names_keep_what_writing_needs_and_no_commands(typed, kept):
    given = form({"name": typed, "text": "x", "token": form().token})
    given.is_valid()
    assert given.cleaned_data["name"] == kept
