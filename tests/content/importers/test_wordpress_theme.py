"""The export that WordPress themes are tested with, where it is at hand, as the site shows it."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import html5lib
import pytest

from content.importers.wordpress import import_wordpress
from content.models import Comment, Post, Redirect
from tests.support.service import ROOT

EXPORT = ROOT.parent / "shared" / "data" / "wxr" / "theme-unit-test.xml"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CODE = re.compile(r"<pre.*?</pre>|<code.*?</code>", re.DOTALL)
LEFTOVER = re.compile(
    r"\[/?(?:caption|gallery|embed|audio|video|playlist|code)\b|\{\{|\{%|<!--|&lt;/?(?:p|div|span)\b"
)
ASKS = re.compile(r"<(?:img|iframe|video|audio|source|embed|object|script)\b[^>]*\bsrc=\"(?:https?:)?//")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not EXPORT.is_file(), reason="the export is not beside this checkout"),
]


@pytest.fixture
def report():
    report = import_wordpress(EXPORT, now=NOW)
    assert (report.failures, report.warnings) == ([], [])
    return report


def test_everything_is_imported_once(report):
    assert (report.files, report.created, report.not_posts) == (180, 72, 108)
    assert (report.comments, report.comments_left_out) == (28, 4)
    assert Post.objects.filter(status="draft").count() == 1
    assert Post.objects.get(status="scheduled").published_at > NOW
    assert Comment.objects.exclude(parent=None).count() > 0
    again = import_wordpress(EXPORT, now=NOW)
    assert (again.unchanged, again.created, again.updated, again.comments) == (72, 0, 0, 0)


def test_every_public_page_reads_well(report, client):
    public = Post.objects.public(NOW)
    assert public.count() == 69
    for post in public:
        page = client.get(post.get_absolute_url())
        assert page.status_code == 200, post
        text = page.content.decode()
        html5lib.HTMLParser(strict=True).parse(text)
        prose = CODE.sub("", post.html)
        assert not LEFTOVER.search(prose), (post, LEFTOVER.search(prose))
        assert not ASKS.search(post.html), (post, ASKS.search(post.html))
        assert post.title.strip(), post
        assert "<" not in post.title or post.title.endswith(">"), post


def test_old_paths_lead_to_their_posts(report, client):
    public = [post.get_absolute_url() for post in Post.objects.public(NOW)]
    redirects = Redirect.objects.filter(new_path__in=public)
    assert redirects.count() > 55
    for redirect in redirects:
        assert client.get(redirect.old_path).headers["Location"] == quote(redirect.new_path)


def test_the_post_with_a_password_is_in_no_page(report, client):
    secret = Post.objects.exclude(password="").get()
    assert client.get(secret.get_absolute_url()).status_code == 404
    paths = ["/", *(f"/?page={number}" for number in range(2, 7)), "/categories/classic/", "/tags/password/"]
    for path in paths:
        page = client.get(path).content.decode()
        assert secret.title not in page
        assert "This content, comments, pingbacks" not in page
