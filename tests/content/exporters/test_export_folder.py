"""An export is complete, or it does not exist. Existing files are safe."""

import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from content.exporters import CannotExport, export_content, tables
from content.models import Post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def post(settings, tmp_path) -> Post:
    settings.MEDIA_ROOT = tmp_path / "storage"
    return Post.objects.create(slug="first", title="First")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "backups" / "site"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_written_beside_its_place_and_then_renamed(folder, monkeypatch):
    seen = []

    def list_folder(number, record):
        seen.extend(path.name for path in folder.parent.iterdir())
        return original(number, record)

    original = tables.post_file
    monkeypatch.setattr(tables, "post_file", list_folder)
    export_content(folder)
    assert [name.startswith(".site.") and name.endswith(".partial") for name in seen] == [True]
    assert names(folder.parent) == ["site"]
    assert names(folder / "posts") == ["first.md"]


def test_only_its_owner_may_read_it(folder):
    export_content(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("force", [False, True])
def test_a_failed_export_leaves_no_file_and_the_old_export(folder, monkeypatch, force):
    if force:
        export_content(folder)
        (folder / "posts" / "mine.md").write_text("still here")
    monkeypatch.setattr(tables, "post_file", lambda number, record: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_content(folder, force=force)
    assert names(folder.parent) == (["site"] if force else [])
    assert not force or (folder / "posts" / "mine.md").read_text() == "still here"


def test_a_folder_is_refused_without_force_and_an_export_replaced_with_it(folder, post):
    call_command("export_content", str(folder), verbosity=0)
    post.delete()
    with pytest.raises(CommandError, match="--force"):
        call_command("export_content", str(folder))
    assert names(folder / "posts") == ["first.md"]
    call_command("export_content", str(folder), force=True)
    assert names(folder / "posts") == []
    assert names(folder.parent) == ["site"]


def test_other_folders_and_files_are_never_replaced(folder):
    folder.mkdir(parents=True)
    export_content(folder, force=True)
    other = folder.parent / "letters"
    other.mkdir()
    (other / "dear.txt").write_text("you")
    link = folder.parent / "link"
    link.symlink_to(folder)
    file = other / "dear.txt"
    for place in (other, link, file):
        with pytest.raises(CannotExport):
            export_content(place, force=True)
    assert names(other) == ["dear.txt"]


def test_a_lost_media_file_is_a_warning_and_the_rest_is_exported(folder, tmp_path):
    from tests.support.whole_site import picture

    media = picture("leaf.png", "green")
    media.file.storage.delete(media.file.name)
    report = export_content(folder)
    assert [media.file.name in warning for warning in report.warnings] == [True]
    assert (report.counts["posts"], report.counts["media"]) == (1, 1)
