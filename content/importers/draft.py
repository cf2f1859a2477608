"""A post as its source describes it; files do so by the conventions of Jekyll, Hugo, Zola and Eleventy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from content.importers.dates import dated_name, moment
from content.importers.fields import Matter, names, people, picture, text
from content.importers.old_paths import old_paths
from content.importers.source_file import SourceFile
from content.importers.withheld import Words, standing_of
from content.rendering import slugify

# Eleventy's names of collections, which say nothing to a reader.
COLLECTIONS = {"post", "posts", "all"}


@dataclass(frozen=True)
class Draft:
    """All that a post can have besides its body.

    Of a file it is what front matter and path say, and words are not cleaned of template remnants yet. `published_at`
    is None where the source has no time: it is then that of the import. A `password` means never public.
    `withheld` is why it is not public, empty if it is.
    """

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
    password: str = ""
    comments_open: bool = True
    withheld: str = ""
    warning: str = ""


def draft_of(
    source: SourceFile, matter: Matter, now: datetime, inherited: Sequence[tuple[str, Matter]] = ()
) -> Draft:
    """`inherited` is what files above say, by their names. Raises BadFile for a date that is none."""
    words = Words(matter, inherited)
    zola = matter.get("taxonomies")
    matter = (zola if isinstance(zola, dict) else {}) | matter
    file_date, name = dated_name(source.stem)
    published_at = moment(matter.get("date") or matter.get("pubDate"), "date") or file_date
    by_space = file_date is not None or source.is_jekyll
    categories = names(matter, "category", "categories", by_space=by_space)
    tags = names(matter, "tags", "tag", "keywords", by_space=by_space)
    cover, cover_alt = picture(matter)
    kind = "page" if is_page(source, matter, published_at) else "post"
    standing = standing_of(words, published_at, now, kind=kind, place=source.withheld_by_place(file_date))
    return Draft(
        slug=slugify(text(matter, "slug") or name),
        title=text(matter, "title") or title_from(name),
        kind=kind,
        status=standing.status,
        excerpt=text(matter, "excerpt", "summary", "description"),
        published_at=standing.published_at,
        updated_at=moment(
            matter.get("updated") or matter.get("lastmod") or matter.get("last_modified_at"), "updated"
        ),
        language=(text(matter, "lang", "language", "locale") or "en")[:35],
        authors=people(matter, "authors", "author"),
        category=categories[0] if categories else "",
        tags=tuple(dict.fromkeys(name for name in (*tags, *categories[1:]) if name not in COLLECTIONS)),
        cover=cover,
        cover_alt=cover_alt,
        old_paths=old_paths(matter, file_date, name),
        password=standing.password,
        withheld=standing.reason,
        warning=standing.warning,
    )


def title_from(name: str) -> str:
    words = " ".join(name.replace("-", " ").replace("_", " ").split())
    return words[:1].upper() + words[1:] or "Untitled"


def is_page(source: SourceFile, matter: Matter, published_at: datetime | None) -> bool:
    """By its own word; or it stands beside a site's sections, as an "about" does, and has no date."""
    if named := text(matter, "type", "layout"):
        return named in ("page", "pages")
    return source.is_in_pages or (source.is_beside_sections and published_at is None)
