from io import BytesIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from content.models import MediaFile


@pytest.fixture(autouse=True)
def media_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def upload():
    """An image file as a browser sends it, of that colour."""

    def make(colour: str = "green", name: str = "leaf.png") -> SimpleUploadedFile:
        data = BytesIO()
        Image.new("RGB", (30, 20), colour).save(data, "PNG")
        return SimpleUploadedFile(name, data.getvalue(), "image/png")

    return make


@pytest.fixture
def picture(upload) -> MediaFile:
    media = MediaFile(file=upload())
    media.save()
    return media


@pytest.fixture
def member():
    """Somebody of that group, logged in."""

    def login(group: str) -> Client:
        user = User.objects.create_user(group.lower(), is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client = Client()
        client.force_login(user)
        return client

    return login
