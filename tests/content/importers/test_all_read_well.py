"""A real blog and a real export, where they are at hand: all that is public is rendered and looked through."""

import re
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import html5lib
import pytest

from content.importers import import_folder
from content.importers.wordpress import import_wordpress
from content.models import Post
from tests.support.service import ROOT

DATA = ROOT.parent / "shared" / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEFTOVER = re.compile(r"\{\{|\{%|%\}|\[/?(?:caption|gallery|embed|audio|video|playlist)\b")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.django_db,
    pytest.mark.skipif(not DATA.is_dir(), reason="the data is not beside this checkout"),
]


@pytest.fixture
def posts() -> list[Post]:
    assert import_folder(DATA / "posts-18f").failures == []
    assert import_wordpress(DATA / "wxr" / "theme-unit-test.xml", now=NOW).failures == []
    public = list(Post.objects.public(NOW))
    assert len(public) == 509 + 69
    return public


def test_no_page_has_leftovers_open_tags_or_dead_anchors(posts, client):
    found = {post.get_absolute_url(): faults for post in posts if (faults := list(faults_of(post, client)))}
    assert found == {}


def faults_of(post: Post, client):
    page = client.get(post.get_absolute_url())
    if page.status_code != 200:
        yield f"status {page.status_code}"
        return
    # Raises ParseError at the first tag that is not closed, or not where it may be.
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.content.decode())
    [prose] = [element for element in tree.iter("div") if element.get("class") == "prose"]
    shown = " ".join(words_of(prose))
    if LEFTOVER.search(shown):
        yield f"left over: {LEFTOVER.search(shown)[0]}"
    if not shown.strip() and not list(prose.iter("img")) and post.body.strip():
        yield "empty"
    ids = {element.get("id") for element in tree.iter() if element.get("id")}
    for link in tree.iter("a"):
        address = urlsplit(link.get("href", ""))
        is_here = not address.netloc and address.path in ("", post.get_absolute_url())
        if is_here and address.fragment and unquote(address.fragment) not in ids:
            yield f"points nowhere: #{address.fragment}"


def words_of(element):
    """All visible text outside of code; in code, braces and brackets are text."""
    if element.tag in ("pre", "code"):
        return
    yield element.text or ""
    for child in element:
        yield from words_of(child)
        yield child.tail or ""
