"""A body where it stands on a page: order, frames, sizes; nothing in it breaks out."""

import re
from itertools import pairwise

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.rendering import add_layout, find_headings, find_images, render_markdown
from content.rendering.sanitise import sanitise

PIECES = [
    "<table>", "</table>", "<tr><td>", "<pre>", "</pre>", "<h2>", "</h2>", "<h5>", "<div>", "</div>", "<a href=/>",
    "</a>", "<img src=//x alt='<table>'>", "<b title='<pre>'>", "a", "|a|\n|-|\n", "\n\n```c\n", "> ", "- ",
]  # fmt: skip
BODIES = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@given(BODIES)
def test_layout_is_balanced_and_headings_skip_no_level(body):
    html = add_layout(render_markdown(body), {})
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    assert html.count("<div") == html.count("</div>") == len(tree.findall(".//div"))
    levels = [2, *(int(level) for level in re.findall(r"<h([1-6])", html))]
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


@pytest.mark.parametrize(
    ("levels", "shown"), [("2442", "2332"), ("32", "22"), ("246", "234"), ("22", "22"), ("2553", "2333")]
)
def test_headings_keep_their_order_and_skip_no_level(levels, shown):
    html = add_layout("".join(f"<h{level}>x</h{level}>" for level in levels), {})
    assert "".join(re.findall(r"<h(.)>x</h\1>", html)) == shown


def test_a_table_scrolls_in_a_frame_and_one_in_it_needs_none():
    html = add_layout(sanitise("<table><tr><td><table><tr><td>x</table></table>"), {})
    assert html.count('<div class="wide">') == 1
    assert html.endswith("</table></div>")


def test_a_header_without_words_is_a_cell():
    table = add_layout(render_markdown("|   | A |\n|:-:|---|\n| b | 1 |"), {})
    assert '<td align="center"></td>' in table
    assert "<th>A</th>" in table
    assert add_layout('<th scope="col"> </th>', {}) == "<td></td>"


def test_code_names_its_language():
    assert '<p class="code-language">C++</p><pre' in add_layout(render_markdown("```cpp\nint a;\n```"), {})
    assert "code-language" not in add_layout(render_markdown("```\nplain\n```"), {})


def test_an_image_that_is_known_has_its_size_unless_its_writer_gave_one():
    body = sanitise("<img src=/media/a.png alt=A><img src=/media/a.png width=10><img src=/media/b.png>")
    assert find_images(body) == ["/media/a.png", "/media/b.png"]
    html = add_layout(body, {"/media/a.png": (640, 480)})
    assert html.count('width="640" height="480"') == 1
    assert 'src="/media/a.png" alt="A" loading="lazy" width="640"' in html


@pytest.mark.parametrize("source", ["https://example.com/a.png", "//example.com/a.png"])
def test_an_image_of_another_host_is_a_link_to_it(source):
    assert f'<a class="image-elsewhere" href="{source}"' in add_layout(sanitise(f"<img src={source} alt=Fir>"), {})
    assert ">Fir</a>" in add_layout(sanitise(f"<img src={source} alt=Fir>"), {})
    in_a_link = add_layout(sanitise(f"<a href=/x><img src={source} alt=Fir></a>"), {})
    assert in_a_link.count("<a ") == 1
    assert "<img" not in in_a_link


def test_headings_are_found_with_their_ids_and_texts():
    html = add_layout(render_markdown("# One & *two*\n\n## Part\n\n#### Deep\n\n<h1>no id</h1>"), {})
    assert [tuple(heading) for heading in find_headings(html)] == [(2, "one-two", "One & two"), (3, "part", "Part")]
