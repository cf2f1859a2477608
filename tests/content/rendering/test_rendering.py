"""Markdown to HTML: what it offers, and that nothing harmful comes out, whatever goes in."""

import re

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from content.rendering import BodyTooLarge, make_excerpt, opens_with, plain_text, render_markdown, shortened, slugify
from content.rendering.sanitise import ATTRIBUTES, TAGS, sanitise

PIECES = [
    "<script>", "</script>", "<img src=", "javascript:alert(1)", "onerror=", "<svg", "<a href='", "'>", '">', "<!--",
    "-->", "<style>", "</style>", "<iframe", "&#106;avascript:", "\\", "`", "```", "[x](", ")", "![", "](", "<math>",
    "<template>", "<p", "<h1>", "\n\n", "| a | b |\n|---|---|\n", "[^1]", "[^1]: ", "data:text/html,", "vbscript:",
    "\x00", "&#1;", "&#x7f;", "&#xfdd0;", "\ufffe", " id='main' ",
]  # fmt: skip
BODIES = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=25).map("".join)


@given(BODIES)
@example("<img src=x onerror=alert(1)>")
@example("<a href=' &#1; javascript:alert(1)'>x</a>")
@example("<math><mtext></p><svg><style><img src=x onerror=alert(1)>")
@example("<a href='java&#1;script:alert(1)'>x</a>")
@example("<a href='java\ufdd0script:alert(1)'>x</a> <a href='&#x7f;data:text/html,x'>x</a>")
@example("<p id='ma&#xfffe;in'>")
@example("[x]: javascript:alert(1)\n\n[x]")
def test_any_markup_comes_out_with_allowed_elements_only(body):
    for element in elements(render_markdown(body)):
        assert element.name in TAGS, element.name
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(element.name, set()) | {"rel"}
        assert set(element.attributes) <= allowed
        for name in ("href", "src"):
            address = element.attributes.get(name, "").strip().lower()
            assert not address.startswith(("javascript:", "vbscript:", "data:")), address


def elements(markup: str) -> list:
    """As a browser would understand it."""
    fragment = html5lib.parseFragment(markup, treebuilder="dom")
    found, waiting = [], list(fragment.childNodes)
    while waiting:
        node = waiting.pop()
        waiting += node.childNodes
        if node.nodeType == node.ELEMENT_NODE:
            node.name = node.tagName.lower()
            found.append(Element(node.name, dict(node.attributes.items())))
    return found


class Element:
    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes


@given(BODIES)
@example("<h1><p<script><h1>")
@example("<b><x><p></b><x><h2><x></p><h2>")
@example("<a href='java&#1;script:alert(1)'>x</a> <a href='/&#1;/evil.example/'>x</a>")
@example("<p id='ma&#xfffe;in'>")
def test_cleaning_twice_changes_nothing(body):
    once = render_markdown(body)
    assert sanitise(once) == once


@given(st.text())
@example("\ufdd0 &#xfdd0; &#x1fffe; &#1; &#x80; \x0b \x0c \x7f\x9f \U0010ffff `\x01` <b title='\ufdef'>")
def test_no_character_is_left_that_html_does_not_allow(body):
    html5lib.HTMLParser(strict=True).parseFragment(render_markdown(body))


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("| a | b |\n|:--|--:|\n| 1 | 2 |", '<td align="right">2</td>'),
        ("One[^1]\n\n[^1]: Note", 'class="footnotes"'),
        ("## A heading", 'id="a-heading"'),
        ("```python\ndef f(): pass\n```", '<span class="k">def</span>'),
        ("```nolanguage\n<b>\n```", "&lt;b&gt;"),
        ("~~gone~~", "<s>gone</s>"),
        ("# Top\n\n### Third", "<h4"),
        ("![A tree](/media/tree.png)", 'loading="lazy"'),
    ],
)
def test_markdown_features(body, html):
    assert html in render_markdown(body)


def test_no_body_heading_competes_with_the_pages_own():
    assert "<h1" not in render_markdown("# One\n\n<h1>Two</h1>")


def test_ids_of_the_page_are_not_taken():
    assert 'id="main"' not in render_markdown("## Main\n\n<p id=main>x</p>")


@pytest.mark.parametrize("body", ["x" * 2_000_001, "<div>" * 300, "<b>" * 100 + "<p>x" * 10_000])
def test_a_body_past_the_bounds_is_refused(body):
    with pytest.raises(BodyTooLarge, match=r"most|more than"):
        render_markdown(body)


def test_quotes_in_quotes_end_somewhere():
    assert "<blockquote>" in render_markdown("> " * 5000 + "x")


@given(st.text(max_size=300))
def test_a_slug_of_any_text_fits_the_urls(text):
    assert re.fullmatch(r"[-\w]{1,200}", slugify(text))


@given(st.text(alphabet="ab <>&\n", max_size=400), st.integers(1, 50))
def test_an_excerpt_is_never_longer_than_it_may_be(text, length):
    assert len(make_excerpt(text, length)) <= length


@pytest.mark.parametrize(
    ("text", "words", "opens"),
    [
        ("All of it is said here, and more.", "All of it is said here…", True),
        ("It's <so>…at last.", "It's 'so' - at last", True),
        ("A picture of a hill. Then the first words.", "Then the first words", True),
        ("Word. " * 200 + "Then the first words.", "Then the first words", False),
        ("Hillside", "Hill", False),
        ("Something", "Something else", False),
        ("", "Words", False),
        ("Words", "", False),
    ],
)
def test_an_excerpt_that_the_text_opens_with_is_known(text, words, opens):
    assert opens_with(text, words) is opens


@given(st.lists(st.text("aeß'éЖ中1", min_size=1, max_size=20), min_size=1).map(" ".join))
def test_an_excerpt_made_of_a_text_opens_it(text):
    assert opens_with(text, shortened(text, 240)) or not text.replace("'", "").strip()


def test_plain_text_has_no_marks_for_the_eye():
    html = render_markdown("## Title\n\nOne &amp; two[^1]\n\n[^1]: Note")
    assert plain_text(html) == "Title One & two"


def test_reserved_ids_in_a_post_are_renamed_with_their_links():
    html = render_markdown('<h2 id="contents">Contents</h2>\n\n[Back](#contents), [on](#further)')
    assert 'id="post-contents"' in html
    assert 'href="#post-contents"' in html
    assert 'href="#further"' in html
