import hashlib
from typing import Any

from django.core.validators import FileExtensionValidator
from django.db import models
from PIL import Image, UnidentifiedImageError

# No SVG and no HTML: what a browser would run as script is no media file.
ALLOWED_EXTENSIONS = ("avif", "gif", "jpeg", "jpg", "mp3", "mp4", "pdf", "png", "webm", "webp")


class MediaFile(models.Model):
    """An uploaded or imported file, kept once however often it is used.

    `sha256` is the hex digest of its bytes; width and height are pixels, null for what is no image.
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
        """Measure a file that has not been measured yet."""
        if self.file and not self.sha256:
            self.measure()
        super().save(*args, **kwargs)

    def measure(self) -> None:
        digest = hashlib.sha256()
        for chunk in self.file.chunks():
            digest.update(chunk)
        self.sha256 = digest.hexdigest()
        self.file.seek(0)
        try:
            with Image.open(self.file) as image:
                self.width, self.height = image.size
        except (UnidentifiedImageError, OSError):
            self.width = self.height = None
        finally:
            self.file.seek(0)
