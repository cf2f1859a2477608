"""Images are found, uploaded once, and replaced by what they are replaced with."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from content.admin.media import IMAGES_A_PAGE
from content.models import MediaFile
from tests.support.admin_site import errors_of, save_form, try_form

pytestmark = pytest.mark.django_db

PICKER = "/admin/content/mediafile/picker/"
UPLOAD = f"{PICKER}upload/"


def names(answer) -> list[str]:
    return [item["name"] for item in answer.json()["items"]]


def test_images_are_found_by_every_word_of_name_or_description(admin_client, upload):
    for colour, name, alt in [("red", "fox.png", "A fox at night"), ("blue", "sea.png", "The sea at night")]:
        MediaFile(file=upload(colour, name), alt_text=alt).save()
    MediaFile(file=SimpleUploadedFile("fox.pdf", b"%PDF"), alt_text="A fox").save()
    assert names(admin_client.get(PICKER)) == ["sea.png", "fox.png"]
    assert names(admin_client.get(PICKER, {"q": "night FOX"})) == ["fox.png"]
    assert names(admin_client.get(PICKER, {"q": "%"})) == []


@pytest.mark.parametrize("page", ["1", "2", "0", "x", "999", "\x00"])
def test_pages_of_images_are_bounded(admin_client, upload, page):
    for number in range(IMAGES_A_PAGE + 1):
        MediaFile(file=upload((number, 0, 0), f"{number}.png")).save()
    assert len(names(admin_client.get(PICKER, {"page": page}))) in (1, IMAGES_A_PAGE)


def test_an_upload_can_be_chosen_at_once_and_is_taken_once(admin_client, upload):
    answer = admin_client.post(UPLOAD, {"file": upload(), "alt_text": "A leaf"})
    assert answer.status_code == 201
    assert {"alt": "A leaf", "width": 30, "height": 20}.items() <= answer.json().items()
    again = admin_client.post(UPLOAD, {"file": upload(name="copy.png")})
    assert again.status_code == 400
    assert "stored already" in again.json()["errors"][0]
    assert MediaFile.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.svg", b"<svg onload=alert(1)>"), ("a.html", b"<p>"), ("a.png", b"not one"), ("a.png", b"")],
)
def test_a_file_that_is_no_image_is_refused_with_a_reason(admin_client, name, content):
    answer = admin_client.post(UPLOAD, {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert not MediaFile.objects.exists()


def test_finding_and_uploading_media_need_their_permissions(client, member, upload):
    assert client.get(PICKER).status_code == 302
    moderator = member("Moderators")
    assert moderator.get(PICKER).status_code == 403
    assert moderator.post(UPLOAD, {"file": upload()}).status_code == 403
    assert member("Authors").post(UPLOAD, {"file": upload()}).status_code == 201


def test_a_replaced_file_is_measured_again(admin_client, picture, upload):
    before = picture.sha256
    save_form(admin_client, f"/admin/content/mediafile/{picture.pk}/change/", file=upload("red"))
    picture.refresh_from_db()
    assert picture.sha256 != before


def test_the_same_file_twice_is_an_error_in_words(admin_client, picture, upload):
    answer = try_form(admin_client, "/admin/content/mediafile/add/", file=upload(name="copy.png"))
    assert "stored already" in errors_of(answer)
