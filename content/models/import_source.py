from django.db import models


class ImportSource(models.Model):
    """A folder that posts were imported from: `name` begins their source paths, `location` is its last path."""

    name = models.CharField(max_length=200, unique=True)
    location = models.CharField(max_length=4096)

    def __str__(self) -> str:
        return self.name
