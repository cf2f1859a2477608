"""A file to a post that is ready to be written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from content.importers import front_matter, remnants
from content.importers.draft import Draft, draft_of
from content.importers.errors import BadFile
from content.importers.fields import UNREADABLE, Matter, plain_values
from content.importers.html_indent import without_html_indent
from content.importers.kramdown import without_comments
from content.importers.media import MediaLibrary
from content.importers.references import Resolver
from content.importers.source_file import SourceFile, decoded
from content.models import MediaFile
from content.rendering import BodyTooLarge, make_excerpt, plain_text, render_markdown, shortened

LONGEST_TITLE = 300
LONGEST_EXCERPT = 1000
LONGEST_ALT = 500
MARKS = ("<", "&", "*", "_", "[", "`", "{", "\\")
MORE = ("<!--more-->", "<!-- more -->")


@dataclass(frozen=True)
class Prepared:
    """All that will be written for one post. `name` says where it comes from, and is its identity in later runs."""

    name: str
    source_hash: str
    draft: Draft
    body: str
    html: str
    cover: MediaFile | None
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def prepare(
    source: SourceFile,
    content: bytes,
    library: MediaLibrary,
    now: datetime,
    inherited: Sequence[tuple[str, Matter]] = (),
) -> Prepared:
    """Its `source_hash` is the caller's to fill in. Raises BadFile with the reason.

    Outside of any transaction: files that it finds become media at once.
    """
    matter, text = front_matter.split(decoded(content))
    if is_of_export(matter):
        raise BadFile("It is of an export: import the whole folder, the one that has evergreen.yaml.")
    draft = draft_of(source, matter, now, inherited)
    cleaned = remnants.clean(without_html_indent(without_comments(UNREADABLE.sub("", text))), plain_values(matter))
    folder = source.path.parent
    body = Resolver(cleaned.text, folder, library).resolved().strip("\n")
    html = rendered(body)
    cover = library.media_for(folder, draft.cover) if draft.cover else None
    library.missing += bool(draft.cover) and cover is None
    return Prepared(
        name=source.name,
        source_hash="",
        draft=replace(
            draft,
            title=words(draft.title)[:LONGEST_TITLE].strip() or "Untitled",
            excerpt=shortened(words(draft.excerpt), LONGEST_EXCERPT) or teaser(body, html),
            cover_alt=words(draft.cover_alt)[:LONGEST_ALT],
        ),
        body=body,
        html=html,
        cover=cover,
        converted=cleaned.converted,
        dropped=cleaned.dropped,
    )


def is_of_export(matter: Matter) -> bool:
    """Marked as one of ours: what was written here must not be taken for what a generator's templates left."""
    return type(matter.get("evergreen")) is int


def rendered(body: str) -> str:
    try:
        return render_markdown(body)
    except BodyTooLarge as error:
        raise BadFile(str(error)) from error


def teaser(body: str, html: str) -> str:
    """What stands before the author's own mark, or the beginning."""
    for mark in MORE:
        before, found, _ = body.partition(mark)
        if found and before.strip():
            return make_excerpt(rendered(before), LONGEST_EXCERPT)
    return make_excerpt(html)


def words(text: str) -> str:
    """A line of front matter as plain text: titles and excerpts are shown as they are."""
    if not any(mark in text for mark in MARKS):
        return text
    return plain_text(rendered(remnants.clean(text).text))
