"""Texts of WordPress, from the export to the HTML of a page."""

import re

import pytest

from content.importers.media import RemoteMedia
from content.importers.wordpress.body import convert_body
from content.importers.wordpress.catalogue import open_catalogue
from content.importers.wordpress.comments import to_comment_text
from content.rendering import render_markdown
from tests.support.wordpress import export, item

# fmt: off
ATTACHMENTS = [
    item(
        11, post_type="attachment", attachment_url="https://blog.example/a.jpg", title="A lake", post_parent="1",
        link="https://blog.example/2024/05/post-1/a/",
    ),
    item(12, post_type="attachment", attachment_url="https://blog.example/b.jpg", title="B", excerpt="Said of it"),
]
# fmt: on


@pytest.fixture
def to_html(tmp_path, db):
    """A function that converts a text of item 1 to the HTML of a page."""
    others = [
        item(5, post_name="other"),
        item(6, post_type="page", post_name="us", link="https://blog.example/a/us/"),
    ]
    twins = [item(n, post_name="twin", link=f"https://blog.example/{n}/twin/") for n in (7, 8)]
    with open_catalogue(export(tmp_path / "blog.xml", item(1), *others, *twins, *ATTACHMENTS)) as catalogue:
        yield lambda text: render_markdown(convert_body(text, "1", catalogue, RemoteMedia()).text)


def link(href: str, words: str) -> str:
    return f'<a href="{href}" rel="noopener">{words}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One\n\nTwo\nlines", "<p>One</p>\n<p>Two<br>lines</p>"),
        ("<b>One\n\nTwo</b>", "<p><b>One</b></p>\n<p><b>Two</b></p>"),
        ("<div>In a box</div>after", "<p>In a box</p>\n<p>after</p>"),
        ("<ul>\n\n<li>a</li>\n\n<li>b\n\nc</li></ul>", "<ul><li>a</li><li><p>b</p><p>c</p></li></ul>"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "<ul><li>a</li><li><ul><li>b</li></ul></li></ul>"),
        ("<blockquote>Said\n\nso</blockquote>", "<blockquote><p>Said</p><p>so</p></blockquote>"),
        ("<p></p><p>&nbsp;</p>\n\n\n\nText<br><br>", "<p>Text</p>"),
        ("<strong>never closed", "<p><strong>never closed</strong></p>"),
        ("<!-- wp:paragraph -->\n<p>a\nb</p>\n<!-- /wp:paragraph -->", "<p>a b</p>"),
        ("One<!--more-->\n\nTwo<!--nextpage-->Three", "<p>One</p>\n<p>Two</p>\n<p>Three</p>"),
        ("snake_case *and* stars `too` [x](y) &lt;b&gt;", "<p>snake_case *and* stars `too` [x](y) &lt;b&gt;</p>"),
        ("<table>\n  <tr>\n\n    <td>1</td>\n  </tr></table>", "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ("<script>alert(1)</script><p onclick='x()'>Hi</p>", "<p>Hi</p>"),
        ("<a href='javascript:alert(1)'>Hi</a>", "<p>Hi</p>"),
        ("<p dir='rtl'>\u05e9\u05dc\u05d5\u05dd</p>", '<p dir="rtl">\u05e9\u05dc\u05d5\u05dd</p>'),
        ("I \U0001f600 it", "<p>I \U0001f600 it</p>"),
        ('<img class="wp-smiley" alt="\U0001f600" src="https://s.w.org/x.png"> it', "<p>\U0001f600 it</p>"),
    ],
)  # fmt: skip
def test_paragraphs_and_blocks(to_html, text, html):
    assert to_html(text).strip() == html


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_headings_become_markdown_and_keep_every_mark(to_html, number):
    html = to_html(f"<h{number}>C# *and* <em>`x`</em> 1. [a] <br>#</h{number}>")
    assert html.startswith("<h2 id=")
    assert "C# *and* <em>`x`</em> 1. [a] #<a" in html


def test_indented_html_after_a_blank_line_is_no_code(to_html):
    html = to_html("<div>\n\n        <p>Deep</p>\n\n    <ul>\n\n        <li>in</li></ul></div>")
    assert html.strip() == "<p>Deep</p>\n<ul><li>in</li></ul>"


@pytest.mark.parametrize(
    "text",
    [
        "<pre>if a &lt; b:\n\n    ```\n    _x_ [gallery]</pre>",
        "<blockquote><pre>if a &lt; b:\n\n    ```\n    _x_ [gallery]</pre></blockquote>",
        '[code language="python"]if a < b:\n\n    ```\n    _x_ [gallery][/code]',
    ],
)
def test_code_does_not_change(to_html, text):
    code = re.sub(r"<[^>]+>", "", to_html(text)).strip("\n")
    assert code == "if a &lt; b:\n\n    ```\n    _x_ [gallery]"


def test_code_with_a_language_is_highlighted(to_html):
    assert '<span class="' in to_html('<pre class="brush: python">def x(): pass</pre>')


LAKE = link("https://blog.example/a.jpg", "A lake")
SAID = link("https://blog.example/b.jpg", "B")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ('[gallery ids="11,12,99"]', f"<ul><li>{LAKE}</li><li>{SAID}<br>Said of it</li></ul>"),
        ("[gallery]", f"<ul><li>{LAKE}</li></ul>"),
        (
            '[caption id="x" align="alignleft"]<img src="https://blog.example/a.jpg" alt="A lake"> Cold[/caption]',
            f"<p>{LAKE}<br>Cold</p>",
        ),
        (
            '[caption caption="Cold <b>water</b>"]<img src="https://blog.example/a.jpg" alt="A lake">[/caption]',
            f"<p>{LAKE}<br>Cold <b>water</b></p>",
        ),
        ("[embed width=3]https://x.example/v[/embed]", f"<p>{link('https://x.example/v', 'https://x.example/v')}</p>"),
        ("[audio mp3=https://x.example/s.mp3][/audio]", f"<p>{link('https://x.example/s.mp3', 'https://x.example/s.mp3')}</p>"),
        ('[video src="https://x.example/v.mp4"]', f"<p>{link('https://x.example/v.mp4', 'https://x.example/v.mp4')}</p>"),
        ('[unknown a="1"]inside[/unknown] and [my_form] [contact-form-7 id="3"]', "<p>inside and</p>"),
        ("He said [sic] so [1], [Update], [a, b]", "<p>He said [sic] so [1], [Update], [a, b]</p>"),
        ("Write [[gallery]] for one", "<p>Write [gallery] for one</p>"),
        ("[caption]never closed", "<p>never closed</p>"),
        ("never opened[/caption]", "<p>never opened</p>"),
        ('[gallery ids="“11”"] [a "[a "[a "', f"<ul><li>{LAKE}</li></ul>\n<p>[a \"[a \"[a \"</p>"),
    ],
)  # fmt: skip
def test_shortcodes(to_html, text, html):
    assert to_html(text).strip() == html


def test_a_thousand_shortcodes_in_each_other_end(to_html):
    html = to_html("[x_y]" * 1000 + "deep" + "[/x_y]" * 1000)
    assert "deep" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ('<img src="https://x.example/p.jpg" alt="A lake">', f"<p>{link('https://x.example/p.jpg', 'A lake')}</p>"),
        ('<img src="//x.example/p.jpg">', f"<p>{link('//x.example/p.jpg', 'Image')}</p>"),
        ('<a href="/big/"><img src="https://x.example/p.jpg" alt="Lake"></a>', f"<p>{link('/big/', 'Lake')}</p>"),
        ('<img src="data:image/png;base64,xx" alt="Dot">', '<p><em class="missing-image">Dot</em></p>'),
        (
            '<iframe src="https://www.youtube.com/embed/abc?rel=0"></iframe>',
            f"<p>{link('https://www.youtube.com/watch?v=abc', 'https://www.youtube.com/watch?v=abc')}</p>",
        ),
        ('<a href="https://blog.example/2024/05/other/#c">x</a>', f"<p>{link('/posts/other/#c', 'x')}</p>"),
        ('<a href="http://www.blog.example/a/us">x</a>', f"<p>{link('/us/', 'x')}</p>"),
        ('<a href="https://blog.example/?p=5">x</a>', f"<p>{link('/posts/other/', 'x')}</p>"),
        ('<a href="https://blog.example/8/twin/">x</a>', f"<p>{link('/8/twin/', 'x')}</p>"),
        ('<a href="https://blog.example/2024/05/post-1/a">A lake</a>', f"<p>{LAKE}</p>"),
        ('<a href="https://blog.example/gone/">x</a>', f"<p>{link('https://blog.example/gone/', 'x')}</p>"),
        ('<a href="#nowhere">x</a>', "<p>x</p>"),
        ('<a href="#y">x</a><p id="y">here</p>', f"<p>{link('#y', 'x')}</p>\n<p id=\"y\">here</p>"),
    ],
)  # fmt: skip
def test_pictures_players_and_links(to_html, text, html):
    assert to_html(text).strip() == html


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("One\n\nTwo\nlines", "One\n\nTwo\nlines"),
        ("<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>", "- a\n- b\n  1. c"),
        ("<blockquote>Said\n\nso</blockquote>Yes", "> Said\n>\n> so\n\nYes"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ('<a href="https://x.example/y#Notes">Notes</a>', "Notes (https://x.example/y#Notes)"),
        ('<img src="https://x.example/p.jpg" alt="Lake">', "Lake (https://x.example/p.jpg)"),
        ("<script>alert(1)</script>a &lt;b&gt;", "a <b>"),
    ],
)
def test_comments_become_plain_text(content, text):
    assert to_comment_text(content) == text
