from django.db import models


class MediaFile(models.Model):
    """An uploaded or imported file, kept once however often it is used.

    `sha256` is the hex digest of its bytes; width and height are pixels, null for what is no image.
    """

    file = models.FileField(upload_to="%Y/%m", max_length=255)
    sha256 = models.CharField(max_length=64, unique=True)
    alt_text = models.CharField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-uploaded_at", "-pk"]

    def __str__(self) -> str:
        return self.file.name or self.sha256
