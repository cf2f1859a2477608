"""Groups of entries by what they are about: all of a category, tag, author or post, of a year or a month."""

import re
from datetime import date

from django.db import models

from content import cache_tags
from content.models import Author, Category, Post, Tag
from content.nearest import in_words, nearest

MODELS: dict[str, type[models.Model]] = {"author": Author, "category": Category, "post": Post, "tag": Tag}
KINDS = (*sorted(MODELS), "archive")
ARCHIVE = re.compile(r"([1-9][0-9]{3})(?:-(0[1-9]|1[0-2]))?")
EXAMPLES = "category:7, tag:green, author:ann, post:hello or archive:2018-05"
# Digits of an id.
LONGEST_ID = 18
# Rows whose names are compared with a wrong one.
MOST_COMPARED = 5000


def tags_of_group(text: str) -> tuple[str, ...]:
    """The tags of `kind:id`, `kind:slug` or `archive:year-month`. Raises LookupError, with words."""
    kind, colon, name = text.partition(":")
    if not colon or not name:
        raise LookupError(f"{text[:100]!r} is no group. Write {EXAMPLES}.")
    if kind not in KINDS:
        near = in_words([f"{each}:{name[:100]}" for each in nearest(kind, KINDS)])
        raise LookupError(f"There are no groups of kind {kind[:100]!r}; there are {', '.join(KINDS)}.{near}")
    return tags_of_archive(name) if kind == "archive" else tags_of_row(kind, name)


def tags_of_archive(name: str) -> tuple[str, ...]:
    match = ARCHIVE.fullmatch(name)
    if match is None:
        raise LookupError(f"{name[:100]!r} is no year and no month. Write archive:2018 or archive:2018-05.")
    year, month = int(match[1]), int(match[2] or 0)
    if month:
        return (cache_tags.archive_month(year, month),)
    months = (date(year, number, 1) for number in range(1, 13))
    return (cache_tags.archive_year(year), *(cache_tags.archive_month(day.year, day.month) for day in months))


def tags_of_row(kind: str, name: str) -> tuple[str, ...]:
    """The tags of a row, by its id or slug: of pages that show it, of the list of its posts, and of its address."""
    pk, slug = find_row(kind, name)
    lists = (cache_tags.comments(pk),) if kind == "post" else (cache_tags.posts_of(kind, pk),)
    return (cache_tags.row(kind, pk), *lists, cache_tags.slug(kind, slug))


def find_row(kind: str, name: str) -> tuple[int, str]:
    """Id and slug. A slug of digits is found where no row has that id."""
    rows = MODELS[kind]._default_manager.values_list("pk", "slug")
    by_id = rows.filter(pk=int(name)).first() if name.isdecimal() and len(name) <= LONGEST_ID else None
    found = by_id or rows.filter(slug=name[:500]).first()
    if found is None:
        slugs = MODELS[kind]._default_manager.values_list("slug", flat=True)[:MOST_COMPARED]
        near = in_words([f"{kind}:{each}" for each in nearest(name, slugs)])
        raise LookupError(f"There is no {kind} with the id or the slug {name[:100]!r}.{near}")
    return found[0], found[1]
