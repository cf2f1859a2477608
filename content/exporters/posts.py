"""Posts and pages: a Markdown file each, with front matter and the body as it is stored."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from content.exporters.records import VERSION, PostRecord, dump_yaml, post_record, record_values, with_related_rows
from content.models import Post

FOLDERS = {Post.Kind.POST: "posts", Post.Kind.PAGE: "pages"}
POSTS_A_FETCH = 200

MAX_NAME_BYTES = 120
PLAIN = re.compile(r"[^\W_][\w-]*")
HAS_DIGEST = re.compile(r"--[0-9a-f]{16}$")
UNSAFE = re.compile(r"[^a-z0-9]+")
# Windows reserves some of these for devices, and importers of Markdown skip the others.
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|index|readme|license|contributing|changelog|security")


def write_posts(place: Path) -> Iterator[str]:
    """Write each post and yield the name of its folder. Posts stay in memory no longer than their batch."""
    for folder in FOLDERS.values():
        (place / folder).mkdir()
    for post in with_related_rows(Post.objects.order_by("pk")).iterator(POSTS_A_FETCH):
        folder = FOLDERS[Post.Kind(post.kind)]
        content = post_file(post.pk, post_record(post))
        (place / folder / f"{file_name(post.slug)}.md").write_bytes(content)
        drop_related_rows(post)
        yield folder


def drop_related_rows(post: Post) -> None:
    """Break the reference cycle with the post, which would keep bodies until the garbage collector runs."""
    vars(post).pop("_prefetched_objects_cache", None)


def post_file(number: int, record: PostRecord) -> bytes:
    """The content of the file. `id` is the row's number, which orders posts of the same time.

    Every byte behind the last --- and its line end is the body's.
    """
    values: dict[str, Any] = {"evergreen": VERSION, "id": number} | record_values(record)
    body: str = values.pop("body", "")
    return f"---\n{dump_yaml(values)}---\n{body}".encode()


def file_name(slug: str) -> str:
    """The slug, or a name with a digest if some file system could confuse the slug with another; without suffix."""
    if is_plain(slug):
        return slug
    stem = UNSAFE.sub("-", slug.lower())[:40].strip("-") or "post"
    return f"{stem}--{hashlib.sha256(slug.encode(errors='surrogatepass')).hexdigest()[:16]}"


def is_plain(slug: str) -> bool:
    """Whether no other slug is the same name on a file system that ignores case or the form of accents."""
    has_one_form = slug == unicodedata.normalize("NFC", slug) == slug.upper().lower()
    fits = len(slug.encode(errors="replace")) <= MAX_NAME_BYTES
    return bool(has_one_form and fits and PLAIN.fullmatch(slug)) and not (
        RESERVED.fullmatch(slug) or HAS_DIGEST.search(slug)
    )
