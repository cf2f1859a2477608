from django.db import models


class ImportSource(models.Model):
    """A folder that posts came from: `name` begins their source paths, `location` is where it lay last."""

    name = models.CharField(max_length=200, unique=True)
    location = models.CharField(max_length=4096)

    def __str__(self) -> str:
        return self.name
