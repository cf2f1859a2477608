import hashlib
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import ContentFile
from django.core.validators import FileExtensionValidator
from django.db import models

from content.images import LARGEST_IMAGE, CleanImage, clean_file

# No SVG and no HTML: browsers run scripts in them.
ALLOWED_EXTENSIONS = ("avif", "gif", "jpeg", "jpg", "mp3", "mp4", "pdf", "png", "webm", "webp")


class MediaFile(models.Model):
    """An uploaded or imported file, stored once however often it is used.

    `sha256` is the hex digest of its bytes. Width and height are in pixels, and null if it is no image. Images are
    stored upright and without metadata.
    """

    file = models.FileField(
        upload_to="%Y/%m", max_length=255, validators=[FileExtensionValidator(ALLOWED_EXTENSIONS)]
    )
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    alt_text = models.CharField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True, editable=False)
    height = models.PositiveIntegerField(null=True, blank=True, editable=False)
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-uploaded_at", "-pk"]

    def __str__(self) -> str:
        return self.file.name or self.sha256

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Clean and measure a new file. Raises BadImage for an image that is refused."""
        if self.file and not self.sha256:
            self.measure()
        super().save(*args, **kwargs)

    def measure(self) -> None:
        """Replace an image by its cleaned file, and measure it. Raises BadImage."""
        image, file = clean_upload(self.file)
        if image is not None and file is not self.file:
            self.file = file
        digest = hashlib.sha256()
        for chunk in self.file.chunks():
            digest.update(chunk)
        self.sha256 = digest.hexdigest()
        self.file.seek(0)
        self.width, self.height = (image.width, image.height) if image else (None, None)


def clean_upload(file: Any) -> tuple[CleanImage | None, Any]:
    """The image in a file, and the file to store: the same, or one with the image's clean bytes.

    Raises BadImage, also for an image of more than LARGEST_IMAGE bytes.
    """
    file.seek(0)
    name = file.name or ""
    content = file.read(LARGEST_IMAGE + 1)
    file.seek(0)
    image = clean_file(name, content)
    if image is None or image.content == content:
        return image, file
    return image, ContentFile(image.content, name=PurePosixPath(name).name)
