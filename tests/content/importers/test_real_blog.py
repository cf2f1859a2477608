"""The 509 posts of a real blog, where they are at hand."""

import re
from pathlib import Path

import pytest

from content.importers import import_folder
from content.models import Post
from tests.support.service import ROOT

POSTS = ROOT.parent / "shared" / "data" / "posts-18f"
CODE = re.compile(r"<pre.*?</pre>|<code.*?</code>", re.DOTALL)
REMNANT = re.compile(r"\{\{|\}\}|\{%|%\}|\{[.#:]\s?\w|\{<")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not POSTS.is_dir(), reason="the blog's posts are not beside this checkout"),
]


def test_all_are_imported_and_nothing_of_a_template_is_visible():
    report = import_folder(Path(POSTS))
    assert (report.created, report.failures) == (509, [])
    for post in Post.objects.all():
        prose = CODE.sub("", post.html)
        assert not REMNANT.search(prose), (post.slug, REMNANT.search(prose))
        for line in (post.title, post.excerpt):
            assert not REMNANT.search(line), (post.slug, line)
            assert "<" not in line, (post.slug, line)
    again = import_folder(Path(POSTS))
    assert (again.unchanged, again.created, again.updated) == (509, 0, 0)
