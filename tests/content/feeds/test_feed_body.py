"""A body for a reader who is elsewhere: nothing in it is relative, and no post can break a document."""

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from content.documents import CoverDocument, PostDocument
from content.feeds.body import whole_body
from content.feeds.markup import element, text
from content.rendering import render_markdown
from content.rendering.sanitise import sanitise

TIME = datetime(2018, 5, 1, tzinfo=UTC)
ROOT = "https://example.org"


def absolute(path: str) -> str:
    return urljoin(f"{ROOT}/", path)


def bodied(html: str, **fields) -> str:
    post = PostDocument(
        id=1, kind="post", url="/posts/one/", title="One", excerpt="", html=html, published_at=TIME, updated_at=TIME,
        **fields,
    )  # fmt: skip
    return whole_body(post, absolute)


def addresses(html: str) -> list[str]:
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    return [node.get(name) for node in tree.iter() for name in ("href", "src", "poster", "cite") if node.get(name)]


@pytest.mark.parametrize(
    ("written", "whole"),
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
def test_every_address_is_whole(tag, written, whole):
    assert bodied(tag.format(written)) == tag.format(whole)


def test_every_candidate_of_an_image_is_whole():
    html = bodied('<img src="/a.webp" srcset="/a.webp 480w, b.webp 960w" alt="">')
    assert f'srcset="{ROOT}/a.webp 480w, {ROOT}/posts/one/b.webp 960w"' in html


def test_words_that_look_like_an_attribute_stay_words():
    for html in ('<p>Write src="/a" or href="/b".</p>', '<p title="see href=/c">x</p>'):
        assert bodied(html) == html


def test_links_beside_headings_are_left_out_and_footnotes_lead_to_the_post():
    html = bodied(render_markdown("## Moss\n\nText[^1] and ![a](/media/a.webp).\n\n[^1]: Noted."))
    assert "heading-link" not in html
    assert '<h2 id="moss"' in html
    assert addresses(html)
    assert all(address.startswith(ROOT) for address in addresses(html))


def test_the_cover_comes_first():
    html = bodied("<p>Words.</p>", cover=CoverDocument(id=1, url="/media/c.webp", alt='A "fir"', width=4, height=3))
    assert html.startswith(
        f'<p><img src="{ROOT}/media/c.webp" alt="A &quot;fir&quot;" width="4" height="3"></p>\n<p>'
    )


@given(
    st.lists(
        st.sampled_from(['<a href="', "<img src='", '">', "'>", "/x", "#y", " title=", "<", ">", '"', "&quot;", "x "])
    )
)
def test_whatever_is_written_no_address_of_what_the_sanitiser_lets_through_stays_relative(pieces):
    for address in addresses(bodied(sanitise("".join(pieces)))):
        assert urlsplit(address).scheme


@given(st.text(st.characters(blacklist_categories=())))
def test_any_text_at_all_makes_a_document(value):
    document = element("a", text(value), b=value)
    parsed = fromstring(document.encode())
    assert parsed.tag == "a"
