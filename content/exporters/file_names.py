"""The name of a post's file: its slug, where every file system keeps that apart from all others."""

import hashlib
import re
import unicodedata

LONGEST = 120
PLAIN = re.compile(r"[^\W_][\w-]*")
NUMBERED = re.compile(r"--[0-9a-f]{16}$")
UNSAFE = re.compile(r"[^a-z0-9]+")
# Windows keeps these for devices, and an importer of Markdown takes the others for no posts.
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|index|readme|license|contributing|changelog|security")


def file_name(slug: str) -> str:
    """Without ending. No two slugs share one, whether or not case and the form of accents count."""
    if is_plain(slug):
        return slug
    stem = UNSAFE.sub("-", slug.lower())[:40].strip("-") or "post"
    return f"{stem}--{hashlib.sha256(slug.encode(errors='surrogatepass')).hexdigest()[:16]}"


def is_plain(slug: str) -> bool:
    one_form = slug == unicodedata.normalize("NFC", slug) == slug.upper().lower()
    fits = len(slug.encode(errors="replace")) <= LONGEST
    return bool(one_form and fits and PLAIN.fullmatch(slug)) and not (
        RESERVED.fullmatch(slug) or NUMBERED.search(slug)
    )
