"""The body of a post in a feed: no URL in it is relative, and no text breaks the document."""

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from content.documents import CoverDocument, PostDocument, TermDocument
from content.feeds import AtomFeed, RssFeed, absolute_body, write_feed
from content.rendering import render_markdown
from content.rendering.sanitise import sanitise

TIME = datetime(2018, 5, 1, tzinfo=UTC)
ROOT = "https://example.org"


def absolute(path: str) -> str:
    return urljoin(f"{ROOT}/", path)


def post_with(html: str, **fields) -> PostDocument:
    words = {"title": "One", "excerpt": ""} | fields
    return PostDocument(id=1, kind="post", url="/posts/one/", html=html, published_at=TIME, updated_at=TIME, **words)


def body_of(html: str, **fields) -> str:
    return absolute_body(post_with(html, **fields), absolute)


def urls_in(html: str) -> list[str]:
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    return [node.get(name) for node in tree.iter() for name in ("href", "src", "poster", "cite") if node.get(name)]


@pytest.mark.parametrize(
    ("url", "absolute_url"),
    [
        ("/media/a.webp", f"{ROOT}/media/a.webp"),
        ("#note", f"{ROOT}/posts/one/#note"),
        ("?page=2&amp;x=1", f"{ROOT}/posts/one/?page=2&amp;x=1"),
        ("other/", f"{ROOT}/posts/one/other/"),
        ("../two/", f"{ROOT}/posts/two/"),
        ("//cdn.example/a", "https://cdn.example/a"),
        ("https://elsewhere.example/?a=1&amp;b=2", "https://elsewhere.example/?a=1&amp;b=2"),
        ("mailto:ann@example.org", "mailto:ann@example.org"),
        ("http://[broken", "http://[broken"),
    ],
)
@pytest.mark.parametrize("tag", ['<a href="{}">x</a>', '<img title="a > b" alt="" src="{}">'])
def test_every_url_is_absolute(tag, url, absolute_url):
    assert body_of(tag.format(url)) == tag.format(absolute_url)


def test_every_candidate_of_an_image_is_absolute():
    html = body_of('<img src="/a.webp" srcset="/a.webp 480w, b.webp 960w" alt="">')
    assert f'srcset="{ROOT}/a.webp 480w, {ROOT}/posts/one/b.webp 960w"' in html


def test_words_that_look_like_an_attribute_stay_words():
    for html in ('<p>Write src="/a" or href="/b".</p>', '<p title="see href=/c">x</p>'):
        assert body_of(html) == html


def test_links_beside_headings_are_left_out_and_footnotes_lead_to_the_post():
    html = body_of(render_markdown("## Moss\n\nText[^1] and ![a](/media/a.webp).\n\n[^1]: Noted."))
    assert "heading-link" not in html
    assert '<h2 id="moss"' in html
    assert urls_in(html)
    assert all(url.startswith(ROOT) for url in urls_in(html))


def test_the_cover_comes_first():
    html = body_of("<p>Words.</p>", cover=CoverDocument(id=1, url="/media/c.webp", alt='A "fir"', width=4, height=3))
    assert html.startswith(
        f'<p><img src="{ROOT}/media/c.webp" alt="A &quot;fir&quot;" width="4" height="3"></p>\n<p>'
    )


@given(
    st.lists(
        st.sampled_from(['<a href="', "<img src='", '">', "'>", "/x", "#y", " title=", "<", ">", '"', "&quot;", "x "])
    )
)
def test_no_url_in_sanitised_html_stays_relative(pieces):
    for url in urls_in(body_of(sanitise("".join(pieces)))):
        assert urlsplit(url).scheme


@given(st.text(st.characters(blacklist_categories=())))
def test_any_text_at_all_makes_a_document(text):
    term = TermDocument(id=1, kind="tag", slug=text, name=text)
    post = post_with(text, title=text, excerpt=text, tags=(term,))
    for writer in (RssFeed, AtomFeed):
        words = {"title": text, "description": text, "language": "en", "page": "/", "path": "/feed.xml"}
        fromstring(write_feed(writer, **words, posts=[post], absolute=absolute).encode())
