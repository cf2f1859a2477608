"""Media files: a row each in media.yaml, and their bytes beside it under names that every file system takes."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.core.exceptions import SuspiciousOperation

from content.exporters.records import MediaRecord
from content.exporters.tables import ROWS_A_FETCH
from content.models import MediaFile

FOLDER = "media"


def media_records(place: Path, warnings: list[str]) -> Iterator[MediaRecord]:
    """Copy the bytes of each file, then yield its record. Files that cannot be read are added to `warnings`."""
    (place / FOLDER).mkdir()
    for media in MediaFile.objects.order_by("pk").iterator(ROWS_A_FETCH):
        name = media.file.name or ""
        file = f"{FOLDER}/{media.sha256}{PurePosixPath(name).suffix.lower()}"
        try:
            size: int | None = copy_bytes(media, place / file)
        except (OSError, ValueError, SuspiciousOperation) as error:
            warnings.append(f"{name or media.sha256} cannot be read, so only its row was exported: {error}")
            size = None
        yield MediaRecord(
            name=name,
            sha256=media.sha256,
            alt_text=media.alt_text,
            width=media.width,
            height=media.height,
            uploaded_at=media.uploaded_at,
            file="" if size is None else file,
            size=size or 0,
        )


def copy_bytes(media: MediaFile, target: Path) -> int:
    """Returns the number of bytes."""
    with media.file.open("rb") as source, target.open("wb") as file:
        return sum(file.write(chunk) for chunk in source.chunks())
