"""`clean_media` removes metadata from stored images, and keeps the names that pages refer to."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from content.models import MediaFile
from content.services import media as media_service
from tests.support.photos import photo, places_in, png_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "media" / "2024").mkdir(parents=True)
    return tmp_path / "media"


def store_uncleaned(root: Path, name: str, content: bytes) -> MediaFile:
    """As an earlier release stored it."""
    (root / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return MediaFile.objects.create(file=name, sha256=digest, width=64, height=32)


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_stored_photo_loses_its_place_and_keeps_its_name(root, capsys, format):
    name = f"2024/a.{'jpg' if format == 'JPEG' else format.lower()}"
    media = store_uncleaned(root, name, photo(format, orientation=6))
    (root / name).chmod(0o640)
    assert places_in((root / name).read_bytes())
    call_command("clean_media")
    content = (root / name).read_bytes()
    assert places_in(content) == []
    assert (root / name).stat().st_mode & 0o777 == 0o640
    media.refresh_from_db()
    assert (media.file.name, media.sha256) == (name, hashlib.sha256(content).hexdigest())
    assert (media.width, media.height) == ((64, 32) if format == "GIF" else (32, 64))
    assert "Images: 1 cleaned, 0 clean already" in capsys.readouterr().out
    before = snapshot(root)
    call_command("clean_media")
    assert snapshot(root) == before
    assert "Images: 0 cleaned, 1 clean already" in capsys.readouterr().out


def test_a_file_without_a_row_is_served_and_so_cleaned(root):
    (root / "2024" / "replaced.jpg").write_bytes(photo("JPEG"))
    call_command("clean_media")
    assert places_in((root / "2024" / "replaced.jpg").read_bytes()) == []


def test_dry_run_names_it_and_writes_nothing(root, capsys):
    media = store_uncleaned(root, "2024/a.jpg", photo("JPEG"))
    before = snapshot(root)
    call_command("clean_media", "--dry-run")
    printed = capsys.readouterr().out
    assert "has metadata: 2024/a.jpg" in printed
    assert "Images: 1 to clean" in printed
    assert snapshot(root) == before
    assert MediaFile.objects.get().sha256 == media.sha256


def test_a_file_that_cannot_be_cleaned_is_named_and_the_rest_is_cleaned(root, capsys):
    (root / "2024" / "a.png").write_bytes(png_of(60_000, 60_000))
    (root / "2024" / "b.jpg").write_bytes(b"\0\0\0\x18ftypheic")
    (root / "2024" / "c.jpg").symlink_to(root / "2024" / "d.jpg")
    (root / "2024" / "d.jpg").write_bytes(photo("JPEG"))
    (root / "2024" / "film.mp4").write_bytes(b"film")
    with pytest.raises(CommandError, match="were not cleaned: 3") as failure:
        call_command("clean_media")
    assert failure.value.returncode == 1
    printed = capsys.readouterr()
    assert [line.split(":")[1] for line in printed.err.splitlines()] == [
        f" 2024/{n}" for n in ("a.png", "b.jpg", "c.jpg")
    ]
    assert "Images: 1 cleaned, 0 clean already, 3 failed. Files of other kinds: 1." in printed.out
    assert places_in((root / "2024" / "d.jpg").read_bytes()) == []
    assert (root / "2024" / "film.mp4").read_bytes() == b"film"


def test_a_photo_that_was_uploaded_again_keeps_both_rows(root):
    old = store_uncleaned(root, "2024/a.jpg", photo("JPEG"))
    new = MediaFile(file=SimpleUploadedFile("b.jpg", photo("JPEG")))
    new.save()
    call_command("clean_media")
    assert places_in((root / "2024/a.jpg").read_bytes()) == []
    assert set(MediaFile.objects.values_list("sha256", flat=True)) == {old.sha256, new.sha256}


def test_an_interrupted_run_is_completed_by_the_next(root, monkeypatch):
    """It stopped between the file and its row."""
    media = store_uncleaned(root, "2024/a.jpg", photo("JPEG"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(media_service, "update_row", stop)
        with pytest.raises(KeyboardInterrupt):
            call_command("clean_media")
    (root / "2024" / f".a.jpg{media_service.UNFINISHED}").write_bytes(b"half")
    assert MediaFile.objects.get().sha256 == media.sha256
    call_command("clean_media")
    digest = hashlib.sha256((root / "2024/a.jpg").read_bytes()).hexdigest()
    assert MediaFile.objects.get().sha256 == digest


def test_a_row_that_meanwhile_got_another_file_keeps_its_hash(root):
    media = store_uncleaned(root, "2024/a.jpg", photo("JPEG"))
    MediaFile.objects.update(file="2024/b.jpg")
    image = media_service.clean_file("a.jpg", photo("JPEG"))
    assert image is not None
    media_service.update_row(media, image)
    assert MediaFile.objects.get().sha256 == media.sha256


def test_memory_is_that_of_one_image(root):
    large = photo("JPEG") + b"\0" * 2_000_000
    for number in range(30):
        (root / "2024" / f"{number}.jpg").write_bytes(large)
    tracemalloc.start()
    try:
        call_command("clean_media")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (root / "2024" / "29.jpg").stat().st_size < 100_000
    assert peak < 12_000_000
