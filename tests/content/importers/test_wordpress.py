"""A WordPress export: each part of it is imported, and a second run writes nothing."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from content.importers import ImportReport
from content.importers.wordpress import BadExport, import_wordpress
from content.importers.wordpress.records import LARGEST_RECORD
from content.models import Comment, Post, Redirect
from tests.support.wordpress import HEAD, export, item

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "blog.xml"


def import_items(file: Path, *items: str, **options: str) -> ImportReport:
    report = import_wordpress(export(file, *items, **options), now=NOW)
    assert report.failures == []
    return report


def tags(post: Post) -> set[str]:
    return set(post.tags.values_list("name", flat=True))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_every_version_and_both_spellings_of_the_namespace(file, scheme, version):
    terms = [("category", "Uncategorized"), ("category", "News"), ("category", "Local"), ("post_tag", "x")]
    import_items(file, item(1, title="Bread &amp; <em>butter</em>", terms=terms), scheme=scheme, version=version)
    post = Post.objects.get()
    assert (post.title, post.slug, post.status, post.language) == ("Bread & butter", "post-1", "published", "en-GB")
    assert post.published_at == datetime(2024, 5, 31, 10, tzinfo=UTC)
    assert [author.name for author in post.authors.all()] == ["Ann Lee"]
    assert (post.category.name, tags(post)) == ("News", {"Local", "x"})
    assert Redirect.objects.get(old_path="/2024/05/post-1/").new_path == "/posts/post-1/"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"status": "draft", "post_date_gmt": "0000-00-00 00:00:00"}, "draft"),
        ({"status": "pending"}, "draft"),
        ({"status": "private"}, "draft"),
        ({"status": "future", "post_date_gmt": "2030-01-01 00:00:00"}, "scheduled"),
        ({"status": "publish", "post_date_gmt": "2030-01-01 00:00:00"}, "scheduled"),
        ({"status": "publish"}, "published"),
    ],
)
def test_states(file, values, status):
    import_items(file, item(1, **values))
    assert Post.objects.get().status == status


def test_deleted_posts_and_other_types_are_counted_and_left_out(file):
    others = [item(2, status="trash"), item(3, post_type="nav_menu_item"), item(4, status="auto-draft")]
    report = import_items(file, item(1), *others)
    assert (report.files, report.created, report.not_posts) == (4, 1, 3)


def test_a_hierarchy_of_pages_is_flat_and_its_paths_lead_on(file, client):
    deep = item(2, post_type="page", post_name="team", post_parent="1", link="https://blog.example/about/team/")
    import_items(file, item(1, post_type="page", post_name="about", link="https://blog.example/about/"), deep)
    assert set(Post.objects.values_list("kind", "slug")) == {("page", "about"), ("page", "team")}
    response = client.get("/about/team/")
    assert (response.status_code, response.headers["Location"]) == (301, "/team/")


def test_a_password_keeps_the_text_from_every_page(file, client):
    secret = item(1, title="Closed", content="the secret words", post_password="enter", post_name="closed")
    import_items(file, secret, item(2))
    assert Post.objects.get(slug="closed").password == "enter"
    assert client.get("/posts/closed/").status_code == 404
    for path in ("/", "/authors/ann-lee/", "/posts/post-2/"):
        page = client.get(path).content.decode()
        assert "Closed" not in page
        assert "secret words" not in page


def test_two_posts_with_one_slug_are_both_imported_and_reported(file):
    report = import_items(
        file, item(1, post_name="same"), item(2, post_name="same", link="https://blog.example/b/same/")
    )
    assert len(report.warnings) == 1
    assert set(Post.objects.values_list("slug", flat=True)) == {"same", "same-2"}
    assert Redirect.objects.get(old_path="/b/same/").new_path == "/posts/same-2/"


def test_a_post_without_a_title_has_its_first_words(file):
    import_items(file, item(1, title="", content="<p>Some first words</p>"), item(2, title="", content=""))
    assert set(Post.objects.values_list("title", flat=True)) == {"Some first words", "Untitled"}


def test_an_excerpt_is_its_own_or_the_text_before_more(file):
    own = item(1, excerpt="<b>Told</b> &amp; short")
    more = item(2, content="Before it.\n\n<!--more Go on-->\n\nAfter it.")
    import_items(file, own, more)
    assert list(Post.objects.order_by("pk").values_list("excerpt", flat=True)) == ["Told & short", "Before it."]


def test_comments_keep_their_threads(file):
    comments = [
        {"id": "3", "parent": "2", "content": "A reply to a reply"},
        {"id": "1", "content": 'First\n\nsee <a href="https://example.org/x">this</a>'},
        {"id": "2", "parent": "1", "content": "A reply", "approved": "0"},
        {"id": "4", "parent": "9", "content": "To one that is gone"},
        {"id": "5", "approved": "spam"},
        {"id": "6", "approved": "trash"},
        {"id": "7", "type": "pingback"},
        {"id": "8", "type": "trackback"},
    ]
    report = import_items(file, item(1, comments=comments))
    assert (report.comments, report.comments_left_out) == (4, 4)
    first, second, third, orphan = (Comment.objects.get(source_path__endswith=f"-{n}") for n in (1, 2, 3, 4))
    assert (second.parent, third.parent, orphan.parent) == (first, second, None)
    assert (first.status, second.status) == ("approved", "pending")
    assert first.body == "First\n\nsee this (https://example.org/x)"
    assert 'href="https://example.org/x"' in first.html


def test_comments_that_answer_each_other_are_imported(file):
    report = import_items(file, item(1, comments=[{"id": "1", "parent": "2"}, {"id": "2", "parent": "1"}]))
    assert (report.comments, Comment.objects.exclude(parent=None).count()) == (2, 0)


def test_a_second_run_writes_nothing_and_leaves_moderation_alone(file):
    items = [item(1, comments=[{"approved": "0"}]), item(2, post_type="page")]
    import_items(file, *items)
    Comment.objects.update(status="rejected")
    again = import_items(file, *items)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    assert (again.comments, again.comments_unchanged) == (0, 1)
    assert Comment.objects.get().status == "rejected"


def test_a_second_import_updates_only_changed_items(file):
    import_items(file, item(1), item(2))
    report = import_items(file, item(1, content="Other"), item(2, comments=[{"id": "7"}]))
    assert (report.updated, report.unchanged, report.comments) == (1, 1, 1)
    assert Post.objects.get(slug="post-1").html == "<p>Other</p>"


def test_an_export_that_breaks_off_is_imported_up_to_there(file):
    text = export(file, item(1), item(2)).read_text()
    file.write_text(text[: text.index("Post 2") + 3])
    report = import_wordpress(file, now=NOW)
    assert (report.created, len(report.failures)) == (1, 1)
    assert "The export breaks off" in report.failures[0].reason
    assert import_items(file, item(1), item(2)).created == 1


BOMB = '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss><channel><title>&b;</title></channel></rss>'
OUTSIDE = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel><title>&a;</title></channel></rss>'
FEED = "<rss><channel><title>News</title><item><title>One</title></item></channel></rss>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "document type or entities"),
        (OUTSIDE, "document type or entities"),
        ("<!DOCTYPE html><html></html>", "document type"),
        ("<feed></feed>", "begins with <feed>"),
        (FEED, "it is a feed"),
        ("<rss><channel></channel></rss>", "none of what WordPress writes"),
        ("no XML", "syntax error"),
        ("", "no element found"),
        ("<a>" * 30, "begins with <a>"),
        ("<rss>" * 30, "more than 20 deep"),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_one_sentence(file, content, reason):
    file.write_text(content)
    with pytest.raises(CommandError) as refused:
        call_command("import_content", file)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.returncode == 2
    assert not Post.objects.exists()


def test_an_item_past_the_bound_is_reported_and_stops_no_other(file):
    report = import_wordpress(export(file, item(1, content="x" * LARGEST_RECORD), item(2)), now=NOW)
    assert report.created == 1
    assert "larger than 10 MB" in report.failures[0].reason


def test_characters_that_xml_does_not_know_are_left_out(file):
    import_items(file, item(1, content="be\x08fore\x0b"))
    assert Post.objects.get().html == "<p>before</p>"


def test_the_command_reports(file):
    out = StringIO()
    call_command("import_content", export(file, item(1, comments=[{}])), "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["created"], report["comments"], report["failed"]) == (1, 1, 0)


def test_a_break_before_the_first_item_is_an_export_with_nothing_in_it(file):
    file.write_text(HEAD.format(scheme="http", version="1.2"))
    report = import_wordpress(file)
    assert (report.created, len(report.failures)) == (0, 1)
    file.write_text("<rss")
    with pytest.raises(BadExport):
        import_wordpress(file)
