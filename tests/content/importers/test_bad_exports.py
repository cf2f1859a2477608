"""Exports that were changed, cut short or made to deceive: each part is reported, the rest comes back."""

import shutil
from pathlib import Path

import pytest
import yaml

from content.exporters import export_content
from content.importers import ImportReport, import_folder
from content.models import Author, Comment, MediaFile, Post, Redirect, SiteConfig
from tests.support.whole_site import empty_site, make_whole_site

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Where the first test puts the export of a whole site; each test changes a copy."""
    return tmp_path_factory.mktemp("original") / "export"


@pytest.fixture
def export(settings, tmp_path, original) -> Path:
    if not original.exists():
        settings.MEDIA_ROOT = tmp_path / "storage"
        make_whole_site()
        export_content(original)
        empty_site()
    shutil.copytree(original, tmp_path / "export")
    settings.MEDIA_ROOT = tmp_path / "new storage"
    (tmp_path / "secret.png").write_bytes(b"not yours")
    (tmp_path / "secret.md").write_text("---\nevergreen: 1\nslug: stolen\n---\n")
    return tmp_path / "export"


def change(path: Path, old: str, new: str) -> None:
    content = path.read_bytes().decode()
    assert old in content
    path.write_bytes(content.replace(old, new).encode())


def only_failure(report: ImportReport, path: str) -> str:
    [failure] = report.failures
    assert failure.path == path
    return failure.reason


POST_CHANGES = [
    ("slug: body-3", "slug: ../../etc", "Its slug '../../etc' is none"),
    ("title: Body 3", "title: [1]", "Expected `str`, got `array` - at `$.title`"),
    ("title: Body 3", "titel: Body 3", "unknown field `titel`"),
    ("title: Body 3\n", "", "missing required field `title`"),
    ("updated: ", "updated: 2024-13-01 # ", "month must be in 1..12"),
    ("evergreen: 1", "evergreen: 2", "does not say `evergreen: 1`"),
    ("- ann", "- nobody", "add it to authors.yaml"),
    ("category: news", "category: elsewhere", "add it to categories.yaml"),
    ("- zoe\n- ann", "- zoe\n- zoe", "names an author twice"),
    ("status: published", "status: burnt", "The database refused it"),
    ("---\nevergreen", "evergreen", "does not begin with front matter"),
    ("title: Body 3", "title: &a Body 3\nexcerpt: *a", "aliases"),
]


@pytest.mark.parametrize(("old", "new", "reason"), POST_CHANGES, ids=lambda value: value[:30])
def test_a_bad_post_is_reported_and_stops_no_other(export, old, new, reason):
    change(export / "posts" / "body-3.md", old, new)
    report = import_folder(export)
    assert reason in only_failure(report, "posts/body-3.md")
    assert report.created == len(list(export.glob("p*/*.md"))) - 1 == Post.objects.count()


@pytest.mark.parametrize("cover", ["../../secret.png", "/etc/passwd", "..\\secret.png", "2021/nothing.png"])
def test_a_cover_is_looked_for_among_media_alone(export, cover):
    content = (export / "posts" / "body-3.md").read_text()
    [line] = [line for line in content.split("\n") if line.startswith("cover: ")]
    change(export / "posts" / "body-3.md", line, f"cover: {cover}")
    report = import_folder(export)
    assert [cover in warning for warning in report.warnings] == [True]
    assert Post.objects.get(slug="body-3").cover is None


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("file", "../secret.png", "leads out of the export"),
        ("file", "/etc/passwd", "leads out of the export"),
        ("file", "media/link.png", "leads out of the export"),
        ("file", "media/nothing.png", "is not in the export"),
        ("file", "a\0b.png", "is no name of a file"),
        ("name", "../../stolen.png", "is no name of a media file"),
        ("name", "/tmp/stolen.png", "is no name of a media file"),
        ("name", "a\\..\\stolen.png", "is no name of a media file"),
        ("name", "2021/page.html", "is no name of a media file"),
        ("size", 1, "when it was exported"),
        ("width", "wide", "$.width"),
    ],
)
def test_a_media_file_comes_from_the_export_and_goes_to_the_storage(export, tmp_path, key, value, reason):
    (export / "media" / "link.png").symlink_to(tmp_path / "secret.png")
    rows = yaml.safe_load((export / "media.yaml").read_text())
    rows[0][key] = value
    (export / "media.yaml").write_text("".join(yaml.safe_dump([row]) for row in rows))
    report = import_folder(export)
    assert reason in only_failure(report, "media.yaml")
    assert MediaFile.objects.count() == len(rows) - 1
    assert not list(tmp_path.rglob("stolen*"))


def test_links_out_of_the_export_are_not_followed(export, tmp_path):
    (export / "posts" / "link.md").symlink_to(tmp_path / "secret.md")
    (export / "tags.yaml").unlink()
    (export / "tags.yaml").symlink_to("/etc/passwd")
    reasons = {failure.path: failure.reason for failure in import_folder(export).failures}
    assert "leads out of the export" in reasons["posts/link.md"]
    assert "leads out of the export" in reasons["tags.yaml"]
    assert not Post.objects.filter(slug="stolen").exists()


def test_bad_rows_are_reported_and_stop_no_other(export):
    change(export / "authors.yaml", "- slug: zoe", "- slug: 'zoë & co'")
    with (export / "redirects.yaml").open("a") as file:
        file.write("- old_path: /x/\n  new_path: javascript:alert(1)\n- nonsense\n- old_path: [\n- old_path: '/y/'\n")
    (export / "posts").rename(export / "nothing")
    (export / "comments.yaml").unlink()
    report = import_folder(export)
    paths = [failure.path for failure in report.failures]
    assert paths == ["authors.yaml", *["redirects.yaml"] * 4]
    assert list(Author.objects.values_list("slug", flat=True)) == ["ann"]
    assert Redirect.objects.count() == 2


def test_lost_files_are_reported(export):
    for path in [export / "tags.yaml", export / "posts" / "gone.md"]:
        path.unlink()
    for path in (export / "posts").glob("body-*.md"):
        path.unlink()
    (export / "comments.yaml").write_text("")
    warnings = " ".join(import_folder(export).warnings)
    for words in ("16 posts and pages, 8", "2 tags, 0", "5 comments, 0"):
        assert words in warnings


def test_a_later_version_is_refused(export):
    change(export / "evergreen.yaml", "evergreen: 1", "evergreen: 2")
    report = import_folder(export)
    assert "It is of version 2" in only_failure(report, "evergreen.yaml")
    assert not Post.objects.exists()


def test_comments_are_rendered_anew_and_keep_their_threads(export):
    change(export / "comments.yaml", "- a\\n- b\\r\\n", "<script>alert(1)</script>")
    assert import_folder(export).failures == []
    top = Comment.objects.get(author_name="Bob", status="approved")
    assert "<script" not in top.html
    assert "alert(1)" in top.html
    assert [answer.author_name for answer in top.replies.all()] == ["Ann"]
    again = import_folder(export)
    assert again.tables["comments"].unchanged == Comment.objects.count()


def test_a_comment_that_is_too_long_is_reported(export):
    change(export / "comments.yaml", "body: spam", f"body: {'spam' * 30_000}")
    assert "100,000 is the most" in only_failure(import_folder(export), "comments.yaml")


def test_comments_on_a_missing_post_are_reported(export):
    (export / "posts" / "body-0.md").unlink()
    report = import_folder(export)
    assert "no post 'body-0'" in only_failure(report, "comments.yaml")
    assert Comment.objects.count() == 1


def test_a_menu_leads_to_pages(export):
    change(export / "site.yaml", "url: https://example.org", "url: javascript:alert(1)//")
    only_failure(import_folder(export), "site.yaml")
    assert not SiteConfig.objects.exists()


def test_a_different_file_of_the_same_name_is_a_failure(export, settings):
    rows = yaml.safe_load((export / "media.yaml").read_text())
    place = settings.MEDIA_ROOT / rows[0]["name"]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"of somebody else")
    assert "is another file in the storage" in only_failure(import_folder(export), "media.yaml")
    assert place.read_bytes() == b"of somebody else"


def test_the_export_replaces_existing_values(export):
    import_folder(export)
    Post.objects.filter(slug="body-3").update(title="Changed", html="<p>Changed</p>")
    Post.objects.get(slug="body-3").tags.clear()
    Author.objects.filter(slug="zoe").update(name="Changed")
    Comment.objects.filter(author_name="Ann").update(status="spam", parent=None)
    Post.objects.create(slug="new", title="Not in the export")
    report = import_folder(export)
    assert (report.created, report.updated, report.failures) == (0, 1, [])
    assert (report.tables["authors"].updated, report.tables["comments"].updated) == (1, 1)
    post = Post.objects.get(slug="body-3")
    assert (post.title, post.tags.count()) == ("Body 3", 2)
    assert "Changed" not in post.html
    assert Comment.objects.get(author_name="Ann").parent.author_name == "Bob"
    assert Post.objects.filter(slug="new").exists()


def test_lost_media_are_restored(export, settings):
    import_folder(export)
    media = MediaFile.objects.first()
    path = settings.MEDIA_ROOT / media.file.name
    content = path.read_bytes()
    path.unlink()
    assert import_folder(export).media == 1
    assert path.read_bytes() == content


def test_a_single_file_of_an_export_is_refused(export, tmp_path):
    folder = tmp_path / "posts"
    folder.mkdir()
    (export / "posts" / "body-3.md").rename(folder / "body-3.md")
    (folder / "tree.md").write_text("---\ntitle: A pine\nevergreen: true\n---\nText\n")
    assert "import the whole folder" in only_failure(import_folder(folder), "posts/body-3.md")
    assert Post.objects.get().title == "A pine"
