"""Files below the media folder that nothing uses: uploads whose row is gone, and halves that a crash left."""

import os
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from urllib.parse import quote

from django.db.models import Q

from content.models import Author, Category, MediaFile, Post
from content.services.media import BATCH, UNFINISHED

# Seconds: an upload is stored before its row is, and a page may name it from its next edit on.
SETTLED = 24 * 3600.0
# Columns in which somebody may name a file.
TEXTS = ((Post, ("body", "html", "excerpt")), (Author, ("bio",)), (Category, ("description",)))


def find_orphans(root: Path, now: float | None = None) -> Iterator[Path]:
    """Files without a row that no post, page, author or category names, a day old or more.

    Each costs a search through all texts. Links and what they lead to are left alone.
    """
    files = (path for path in old_files(root, now) if not path.name.endswith(UNFINISHED))
    while paths := list(islice(files, BATCH)):
        names = {path.relative_to(root).as_posix(): path for path in paths}
        used = set(MediaFile.objects.filter(file__in=list(names)).values_list("file", flat=True))
        yield from (path for name, path in names.items() if name not in used and not is_named(name))


def find_halves(root: Path, now: float | None = None) -> Iterator[Path]:
    """Files that `clean_media` began, and did not finish."""
    return (path for path in old_files(root, now) if path.name.endswith(UNFINISHED))


def old_files(root: Path, now: float | None) -> Iterator[Path]:
    latest = (time.time() if now is None else now) - SETTLED
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if not path.is_symlink() and path.stat().st_mtime < latest:
                yield path


def is_named(name: str) -> bool:
    """As it is, or as URLs write it."""
    for model, columns in TEXTS:
        conditions = Q()
        for column, written in product(columns, {name, quote(name)}):
            conditions |= Q(**{f"{column}__contains": written})
        if model.objects.filter(conditions).exists():
            return True
    return False
