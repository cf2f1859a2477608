"""A folder is recognized at its place and after a move, and not mistaken for another of its name."""

import shutil
from pathlib import Path

import pytest

from content.importers import BadFile, import_folder
from content.importers.wordpress import import_wordpress
from content.models import ImportSource, Post
from tests.support.markdown import write_posts
from tests.support.wordpress import HEAD, TAIL, item

pytestmark = pytest.mark.django_db


def page(folder: Path, text: str, name: str = "about.md") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"---\ntitle: {text}\n---\n{text}")
    return folder


def test_a_second_site_of_the_same_folder_name_overwrites_nothing(tmp_path):
    first, second = page(tmp_path / "a" / "content", "A"), page(tmp_path / "b" / "content", "B")
    assert import_folder(first).warnings == []
    report = import_folder(second)
    assert (report.created, report.updated) == (1, 0)
    assert "Posts of another folder are known as content: this folder is content-2" in report.warnings[0]
    bodies = {"content/about.md": "A", "content-2/about.md": "B"}
    assert dict(Post.objects.values_list("source_path", "body")) == bodies
    for folder, text in ((first, "A again"), (second, "B again")):
        report = import_folder(page(folder, text))
        assert (report.created, report.updated, report.warnings) == (0, 1, [])
    assert set(Post.objects.values_list("body", flat=True)) == {"A again", "B again"}


@pytest.mark.parametrize("changed", [0, 2, 4])
def test_a_folder_that_was_moved_is_the_same_source(tmp_path, changed):
    """As long as half of its posts are as they were."""
    old = write_posts(tmp_path / "old" / "posts", 4)
    import_folder(old)
    new = tmp_path / "new" / "posts"
    new.parent.mkdir()
    shutil.move(old, new)
    for path in sorted(new.iterdir())[:changed]:
        path.write_text(path.read_text() + "More")
    report = import_folder(new)
    is_same = changed <= 2
    assert (report.updated, report.created) == ((changed, 0) if is_same else (0, 4))
    assert Post.objects.count() == (4 if is_same else 8)


def test_a_name_can_be_given(tmp_path):
    import_folder(page(tmp_path / "a" / "content", "A"))
    report = import_folder(page(tmp_path / "b" / "content", "B"), source="content")
    assert (report.updated, report.warnings) == (1, [])
    with pytest.raises(BadFile, match="names no source"):
        import_folder(tmp_path / "a" / "content", source="a/b")


def test_another_site_at_the_same_place_overwrites_nothing(tmp_path):
    """As a container mounts one folder after another."""
    folder = write_posts(tmp_path / "content", 8)
    import_folder(folder)
    shutil.rmtree(folder)
    page(write_posts(folder, 1), "Other", "other.md")
    report = import_folder(folder)
    assert (report.created, report.updated) == (2, 0)
    assert set(ImportSource.objects.values_list("name", flat=True)) == {"content", "content-2"}


def test_posts_without_a_recorded_source_are_recognized(tmp_path):
    folder = write_posts(tmp_path / "posts", 3)
    import_folder(folder)
    ImportSource.objects.all().delete()
    assert import_folder(folder).unchanged == 3


def test_a_name_with_marks_of_patterns_matches_only_itself(tmp_path):
    import_folder(page(tmp_path / "a" / "site", "A"))
    import_folder(page(tmp_path / "b" / "s%e", "B"))
    assert set(ImportSource.objects.values_list("name", flat=True)) == {"site", "s%e"}


def network_blog(path: Path, site: str, text: str) -> Path:
    head = HEAD.format(scheme="http", version="1.2").replace("https://blog.example", f"https://blog.example/{site}")
    path.write_text(head + item(1, title=text, content=text) + TAIL)
    return path


def test_blogs_of_one_network_overwrite_nothing(tmp_path):
    for site in ("one", "two", "one"):
        import_wordpress(network_blog(tmp_path / "a.xml", site, site))
    titles = {"blog.example/one/?p=1": "one", "blog.example/two/?p=1": "two"}
    assert dict(Post.objects.values_list("source_path", "title")) == titles


def test_a_blog_below_a_path_keeps_the_posts_that_its_host_named(tmp_path):
    export = network_blog(tmp_path / "a.xml", "one", "Same")
    import_wordpress(export)
    Post.objects.update(source_path="blog.example/?p=1")
    assert import_wordpress(export).unchanged == 1
    assert Post.objects.count() == 1
