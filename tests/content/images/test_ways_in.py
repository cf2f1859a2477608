"""A phone's photo, by each way into the site: no served file has the place where it was taken."""

from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from content.importers import import_folder
from content.importers.wordpress import import_wordpress
from content.models import MediaFile
from tests.support.admin_site import errors_of, form_values, try_form
from tests.support.photos import SECRET, photo, places_in, png_of
from tests.support.wordpress import export, item

pytestmark = pytest.mark.django_db

ADD = "/admin/content/mediafile/add/"
PICKER = "/admin/content/mediafile/picker/upload/"
ONE_SENTENCE = "The image declares 60,000 x 60,000 pixels; 100 million pixels are the most: make it smaller."


@pytest.fixture(autouse=True)
def media_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def by_admin(client, folder: Path, name: str, content: bytes) -> str:
    answer = client.post(ADD, {"file": SimpleUploadedFile(name, content)})
    return "" if answer.status_code == 302 else errors_of(answer)


def by_picker(client, folder: Path, name: str, content: bytes) -> str:
    answer = client.post(PICKER, {"file": SimpleUploadedFile(name, content)})
    return "" if answer.status_code == 201 else " ".join(answer.json()["errors"])


def by_folder(client, folder: Path, name: str, content: bytes) -> str:
    (folder / "site").mkdir()
    (folder / "site" / name).write_bytes(content)
    (folder / "site" / "a.md").write_text(f"---\ntitle: A\ncover: {name}\n---\n![Here]({name})")
    report = import_folder(folder / "site")
    assert (report.failures, report.created) == ([], 1)
    return " ".join(report.warnings)


def by_wordpress(client, folder: Path, name: str, content: bytes) -> str:
    body = f'<img src="https://blog.example/{name}">'
    report = import_wordpress(export(folder / "a.xml", item(1, content=body)), fetch=lambda address: content)
    assert (report.failures, report.created) == ([], 1)
    return " ".join(report.warnings)


WAYS = [by_admin, by_picker, by_folder, by_wordpress]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("format", "name"), [("JPEG", "p.jpg"), ("PNG", "p.png"), ("WEBP", "p.webp")])
def test_no_file_that_is_served_has_the_place(admin_client, tmp_path, media_folder, way, format, name):
    assert way(admin_client, tmp_path, name, photo(format, orientation=6)) == ""
    media = MediaFile.objects.get()
    assert (media.width, media.height) == (32, 64)
    files = [path for path in media_folder.rglob("*") if path.is_file()]
    assert len(files) == 1
    content = files[0].read_bytes()
    assert places_in(content) == []
    assert SECRET not in str(media.file)
    assert Image.open(BytesIO(content)).size == (32, 64)


@pytest.mark.parametrize("way", WAYS)
def test_a_flood_of_pixels_is_one_sentence_and_no_file(admin_client, tmp_path, media_folder, way):
    assert ONE_SENTENCE in way(admin_client, tmp_path, "p.png", png_of(60_000, 60_000))
    assert not MediaFile.objects.exists()
    assert [path for path in media_folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_second_time_the_photo_is_known(admin_client, tmp_path, way):
    photo_of_phone = photo("JPEG", orientation=6)
    media = MediaFile(file=SimpleUploadedFile("first.jpg", photo_of_phone))
    media.save()
    message = way(admin_client, tmp_path, "p.jpg", photo_of_phone)
    assert ("stored already" in message) == (way in (by_admin, by_picker))
    assert MediaFile.objects.count() == 1


def test_a_file_that_is_no_image_is_kept_byte_for_byte(admin_client, media_folder):
    film = b"\0\0\0\x18ftypmp42" + SECRET.encode()
    assert by_admin(admin_client, media_folder, "film.mp4", film) == ""
    assert Path(MediaFile.objects.get().file.path).read_bytes() == film


def test_an_edited_photo_that_replaces_one_is_cleaned(admin_client, media_folder):
    media = MediaFile(file=SimpleUploadedFile("first.png", photo("PNG")))
    media.save()
    address = f"/admin/content/mediafile/{media.pk}/change/"
    edited = SimpleUploadedFile("new.jpg", photo("JPEG", orientation=3))
    answer = admin_client.post(address, form_values(admin_client.get(address)) | {"file": edited})
    assert answer.status_code == 302
    assert all(places_in(path.read_bytes()) == [] for path in media_folder.rglob("*") if path.is_file())


def test_a_file_that_is_refused_leaves_the_old_one(admin_client):
    media = MediaFile(file=SimpleUploadedFile("first.png", photo("PNG")))
    media.save()
    answer = try_form(
        admin_client, f"/admin/content/mediafile/{media.pk}/change/", file=SimpleUploadedFile("x.png", b"none")
    )
    assert "no image that browsers know" in errors_of(answer)
    assert MediaFile.objects.get().sha256 == media.sha256
