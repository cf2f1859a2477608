"""A post as its file describes it, by the conventions of Jekyll, Hugo, Zola and Eleventy."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from content.importers.errors import BadFile
from content.importers.source_file import SourceFile
from content.rendering import slugify

DATED_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})-(.+)")
LONGEST_TITLE = 300
LONGEST_NAME = 200
MOST_TERMS = 50


@dataclass(frozen=True)
class Draft:
    """What front matter and path say of a post; words are not cleaned of template remnants yet."""

    slug: str
    title: str
    kind: str
    status: str
    excerpt: str
    published_at: datetime | None
    updated_at: datetime | None
    language: str
    authors: tuple[str, ...]
    category: str
    tags: tuple[str, ...]
    cover: str
    cover_alt: str
    old_paths: tuple[str, ...]


def draft_of(source: SourceFile, matter: dict[str, Any], now: datetime) -> Draft:
    stem = source.path.parent.name if is_bundle(source) else source.path.stem
    dated = DATED_NAME.fullmatch(stem)
    name = dated.group(4) if dated else stem
    file_date = date_in_name(dated) if dated else None
    published_at = moment(matter.get("date", matter.get("pubDate")), "date") or file_date
    zola = matter.get("taxonomies")
    taxonomies: dict[str, Any] = zola if isinstance(zola, dict) else {}
    categories = names(matter, "category", "categories") or names(taxonomies, "categories")
    cover, cover_alt = image(matter)
    return Draft(
        slug=slugify(text(matter, "slug") or name),
        title=(text(matter, "title") or name.replace("-", " ").replace("_", " ").strip().capitalize())[
            :LONGEST_TITLE
        ],
        kind=kind_of(matter),
        status=status_of(matter, published_at, now),
        excerpt=text(matter, "excerpt", "summary", "description"),
        published_at=published_at,
        updated_at=moment(matter.get("updated", matter.get("lastmod", matter.get("last_modified_at"))), "updated"),
        language=(text(matter, "lang", "language", "locale") or "en")[:35],
        authors=names(matter, "authors", "author") or names(taxonomies, "authors"),
        category=categories[0] if categories else "",
        tags=names(matter, "tags", "tag", "keywords") or names(taxonomies, "tags"),
        cover=cover,
        cover_alt=cover_alt,
        old_paths=old_paths(matter, file_date, name),
    )


def is_bundle(source: SourceFile) -> bool:
    """A folder that is a post: its text is index.md, its images lie beside it."""
    return source.path.stem.lower() == "index" and source.path.parent != source.root


def date_in_name(dated: re.Match[str]) -> datetime | None:
    try:
        return at_midnight(date(*(int(part) for part in dated.groups()[:3])))
    except ValueError:
        return None


def kind_of(matter: dict[str, Any]) -> str:
    return "page" if "page" in (text(matter, "layout"), text(matter, "type")) else "post"


def status_of(matter: dict[str, Any], published_at: datetime | None, now: datetime) -> str:
    if is_true(matter.get("draft")) or matter.get("published") is False:
        return "draft"
    return "scheduled" if published_at is not None and published_at > now else "published"


def is_true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "yes")


def text(matter: dict[str, Any], *keys: str) -> str:
    """The first of these that is a plain value, on one line."""
    for key in keys:
        value = matter.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return " ".join(str(value).replace("\x00", "").split())
    return ""


def names(matter: dict[str, Any], *keys: str) -> tuple[str, ...]:
    """A text, a list of texts, or a list of mappings with a name; in order, each once."""
    for key in keys:
        value = matter.get(key)
        items = value if isinstance(value, list) else [value]
        found = [name for item in items if (name := name_of(item))]
        if isinstance(value, str) and "," in value:
            found = [part.strip() for part in value.split(",") if part.strip()]
        if found:
            return tuple(dict.fromkeys(name[:LONGEST_NAME] for name in found))[:MOST_TERMS]
    return ()


def name_of(item: Any) -> str:
    return text(item, "name", "title") if isinstance(item, dict) else text({"name": item}, "name")


def image(matter: dict[str, Any]) -> tuple[str, str]:
    """The cover's address and what it shows."""
    for key in ("cover", "image", "featured_image", "hero_image", "thumbnail"):
        value = matter.get(key)
        if isinstance(value, dict):
            return text(value, "image", "src", "path", "url"), text(value, "alt", "caption")
        if isinstance(value, str) and value.strip():
            return value.strip(), text(matter, "image_alt", "cover_alt")
    return "", ""


def old_paths(matter: dict[str, Any], file_date: datetime | None, name: str) -> tuple[str, ...]:
    """Where readers may know it from: aliases, its own permalink, and the path that Jekyll gives a dated file."""
    listed: list[Any] = []
    for key in ("aliases", "redirect_from", "permalink", "path", "url"):
        value = matter.get(key)
        listed += value if isinstance(value, list) else [value]
    if file_date is not None:
        listed.append(f"/{file_date:%Y/%m/%d}/{name}/")
    paths = [normal_path(path) for path in listed if isinstance(path, str)]
    return tuple(dict.fromkeys(path for path in paths if path))[:MOST_TERMS]


def normal_path(path: str) -> str:
    """With a slash before and behind; empty for what is no path of this site."""
    path = path.strip().replace("\x00", "")
    if not path or "://" in path or "{" in path or ":" in path or len(path) > 450:
        return ""
    path = "/" + path.strip("/")
    return path if path == "/" or "." in path.rsplit("/", 1)[-1] else f"{path}/"


def moment(value: Any, field: str) -> datetime | None:
    """A date or a time, given as one or as text; without a zone it is in the site's own."""
    match value:
        case None | "":
            return None
        case datetime():
            return aware(value)
        case date():
            return at_midnight(value)
    try:
        parsed = parse_datetime(str(value).strip().replace(" UTC", "+00:00")) or parse_date(str(value).strip())
    except ValueError as error:
        raise BadFile(f"Its {field} {str(value)!r} is no date: {error}.") from error
    if parsed is None:
        raise BadFile(f"Its {field} {str(value)[:80]!r} is no date: write 2024-05-31 or 2024-05-31T12:00:00Z.")
    return aware(parsed) if isinstance(parsed, datetime) else at_midnight(parsed)


def aware(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else timezone.make_aware(value)


def at_midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
