"""Bad input: each file is reported with its path and a reason, and the rest is imported."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from content.importers import ImportReport, import_folder
from content.models import Post

pytestmark = pytest.mark.django_db

GOOD = "---\ntitle: Good\ndate: 2024-05-31\n---\nFine.\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "posts"
    folder.mkdir()
    (folder / "good.md").write_text(GOOD)
    return folder


def only_failure(report: ImportReport) -> str:
    [failure] = report.failures
    assert failure.path == "posts/bad.md"
    return failure.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"---\ntitle: [unclosed\n---\nText", "Its front matter is not valid YAML"),
        (b"---\ntitle: a\n\tb: c\n---\nText", "Its front matter is not valid YAML"),
        (b"+++\ntitle = \n+++\nText", "Its front matter is not valid TOML"),
        (b"---\n- a\n- list\n---\nText", "front matter"),
        (b"---\ntitle: never ends\nText", "has no --- to end it"),
        (b"---\ndate: someday\n---\nText", "is no date"),
        (b"---\ndate: [2024]\n---\nText", "is a list and no date"),
        (b"---\ndate: 2024-13-45\n---\nText", "month must be in 1..12"),
        (b"---\na: &a [x]\nb: [*a, *a]\n---\nText", "aliases (*name) are not supported"),
        (b"---\na: " + b"[" * 5000 + b"\n---\nText", "Its front matter is not valid YAML"),
        (b"---\nx: " + b"y" * 200_000 + b"\n---\nText", "100,000 is the most"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "It is no text: it holds NUL bytes."),
        (b"\xff\xfe\xfd no text", "It is not UTF-8: byte 0 is 0xff."),
        (b"x" * 20_000_000, "It has more than 5 MB, which is too large."),
        (b"x" * 3_000_000, "2,000,000 is the most"),
        (b"<div>" * 100_000, "nested more than 200 deep"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_bad_file_is_reported_and_stops_no_other(folder, content, reason):
    (folder / "bad.md").write_bytes(content)
    report = import_folder(folder)
    assert reason in only_failure(report)
    assert list(Post.objects.values_list("slug", flat=True)) == ["good"]


def test_a_file_that_cannot_be_opened_is_reported(folder):
    (folder / "bad.md").symlink_to(folder / "bad.md.gone")
    (folder / "deep.md").mkdir()
    report = import_folder(folder)
    assert (report.created, report.failures) == (1, [])


def test_two_posts_with_one_slug_are_both_imported_and_reported(folder):
    (folder / "2024-01-01-same.md").write_text("---\ntitle: First\n---\nOne")
    (folder / "2024-02-02-same.md").write_text("---\ntitle: Second\n---\nTwo")
    report = import_folder(folder)
    assert report.warnings == ["posts/2024-02-02-same.md: its slug same is taken, it became same-2."]
    assert set(Post.objects.values_list("slug", "title")) >= {("same", "First"), ("same-2", "Second")}
    assert import_folder(folder).unchanged == 3


def test_a_slug_of_emoji_alone_becomes_one_that_can_be_asked_for(folder, client):
    (folder / "smile.md").write_text("---\ntitle: Smile\nslug: 😀🎉\ndate: 2024-01-01\n---\nHello")
    import_folder(folder)
    post = Post.objects.get(title="Smile")
    assert post.slug.startswith("post-")
    assert client.get(post.get_absolute_url()).status_code == 200


@pytest.mark.parametrize(
    ("body", "never"),
    [
        ("<script>alert(1)</script>Hi", "script"),
        ("<img src=x onerror=alert(1)>", "onerror"),
        ("![words](javascript:alert(1))", "javascript"),
        ('<img src="javascript:alert(1)" alt="words">', "javascript"),
        ("[words](javascript:alert(1))", "javascript"),
        ('<a href="jAvAsCrIpT:alert(1)">x</a>', "alert"),
        ("<iframe src='https://evil.example'></iframe>", "iframe"),
        ("<style>body{display:none}</style>", "display"),
        ("<form action=/admin><input name=a></form>", "form"),
        ("{{ content | safe }}<svg onload=alert(1)>", "onload"),
    ],
)
def test_harmful_html_is_removed(folder, body, never):
    (folder / "bad.md").write_text(f"---\ntitle: Bad\ndate: 2024-01-01\n---\n{body}\n")
    assert import_folder(folder).failures == []
    assert never not in Post.objects.get(slug="bad").html.lower()


def test_an_image_that_points_at_javascript_is_its_words(folder):
    (folder / "bad.md").write_text("---\ntitle: Bad\ndate: 2024-01-01\n---\n![A red door](javascript:alert(1))\n")
    import_folder(folder)
    assert "A red door" in Post.objects.get(slug="bad").html


def test_nothing_outside_of_the_folder_becomes_media(folder, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "bad.md").write_text("![a](../secret.png) ![b](/etc/passwd) ![c](%2e%2e/secret.png)")
    report = import_folder(folder)
    assert (report.media, report.media_missing) == (0, 3)


def test_the_command_prints_each_failure_and_ends_with_status_1(folder):
    (folder / "bad.md").write_bytes(b"\x00")
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 of 2 files were not imported") as raised:
        call_command("import_content", str(folder), stdout=out, stderr=err)
    assert raised.value.returncode == 1
    assert err.getvalue() == "failed: posts/bad.md: It is no text: it holds NUL bytes.\n"
    assert out.getvalue().startswith("1 created, 0 updated, 0 unchanged, 1 failed;")


def test_the_command_gives_the_report_as_json(folder):
    out = StringIO()
    call_command("import_content", str(folder), "--json", stdout=out)
    assert json.loads(out.getvalue())["created"] == 1


@pytest.mark.parametrize("path", ["nowhere", "posts/good.md"])
def test_a_path_that_is_no_folder_is_refused(folder, tmp_path, path):
    with pytest.raises(CommandError, match=r"There is no|is no folder"):
        call_command("import_content", str(tmp_path / path))
