"""Readers' text as HTML: only paragraphs, line breaks and links come of it."""

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from content.rendering import BodyTooLarge, count_links, render_comment, render_markdown

REL = 'rel="nofollow ugc noopener"'


def test_paragraphs_and_line_breaks():
    assert render_comment("One\r\ntwo\n \n\n\nthree\r") == "<p>One<br>\ntwo</p>\n<p>three</p>"
    assert render_comment(" \n\x00\n ") == ""


@pytest.mark.parametrize(
    ("text", "url", "behind"),
    [
        ("see https://a.org/x.", "https://a.org/x", "."),
        ("(https://a.org/b_(c))!", "https://a.org/b_(c)", ")!"),
        ("HTTP://A.org/?a=1&b=2", "HTTP://A.org/?a=1&amp;b=2", ""),
        ("[https://a.org/],", "https://a.org/", "],"),
        ('https://a.org/" onclick="x', "https://a.org/", "&quot; onclick=&quot;x"),
        ("https://a.org/<script>", "https://a.org/", "&lt;script&gt;"),
    ],
)
def test_addresses_become_links_that_vouch_for_nothing(text, url, behind):
    assert render_comment(text).endswith(f'<a href="{url}" {REL}>{url}</a>{behind}</p>')


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "http://",
        "https://[",
        "ftp://a.org/",
        "//a.org/",
        "<a href=x>y</a>",
        "data:text/html,x",
    ],
)
def test_addresses_of_other_schemes_stay_text(text):
    assert "<a " not in render_comment(text)


@given(st.text(alphabet=st.sampled_from("<>&\"' /:.()[]=\n\rahtps\x00\u2028\ud800"), max_size=300) | st.text())
@example("\ufdd0\ufdef\ufffe\U0001ffff\U0010fffe")
@example("\x01\x0b\x0c\x1f\x7f\x80\x9f")
def test_any_text_becomes_paragraphs_breaks_and_links_only(text):
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parseFragment(render_comment(text))
    for element in list(tree.iter())[1:]:
        assert element.tag in ("p", "br", "a")
        assert set(element.attrib) == ({"href", "rel"} if element.tag == "a" else set())
        assert element.attrib.get("href", "http").lower().startswith("http")


def test_any_text_is_shown_unchanged():
    text = "<b>5 < 6 & \"7\" > 'x'</b>"
    tree = html5lib.parseFragment(render_comment(text), namespaceHTMLElements=False)
    assert "".join(tree.itertext()) == text


def test_a_text_past_the_bound_is_refused():
    assert render_comment("a" * 100_000)
    with pytest.raises(BodyTooLarge, match="100,001"):
        render_comment("a" * 100_001)


def test_links_are_counted_in_every_dress():
    assert count_links("https://a.org www.b.org [url=c] <a href = 'd'> and no link") == 4
    assert count_links("nothing") == 0


def test_a_post_cannot_take_the_places_of_its_comments():
    html = render_markdown('## Comment 12\n\n## Comments title\n\n<p id="comment-form">x</p>')
    assert 'id="comment' not in html
