"""A file to a post that is ready to be written."""

from dataclasses import dataclass, replace
from datetime import datetime

from content.importers import front_matter, remnants
from content.importers.draft import Draft, draft_of
from content.importers.errors import BadFile
from content.importers.media import MediaLibrary, with_media
from content.importers.report import ImportReport
from content.importers.source_file import SourceFile, decoded, source_hash
from content.models import MediaFile
from content.rendering import BodyTooLarge, make_excerpt, plain_text, render_markdown


@dataclass(frozen=True)
class Prepared:
    """All that will be written for one file."""

    source: SourceFile
    source_hash: str
    draft: Draft
    body: str
    html: str
    cover: MediaFile | None


def prepare(
    source: SourceFile, content: bytes, library: MediaLibrary, report: ImportReport, now: datetime
) -> Prepared:
    """Raises BadFile with the reason."""
    matter, text = front_matter.split(decoded(content))
    draft = draft_of(source, matter, now)
    cleaned = remnants.clean(text)
    body = with_media(cleaned.text.strip(), source, library)
    try:
        html = render_markdown(body)
    except BodyTooLarge as error:
        raise BadFile(str(error)) from error
    report.converted += cleaned.converted
    report.dropped += cleaned.dropped
    cover = library.media_for(source, draft.cover) if draft.cover else None
    library.missing += bool(draft.cover) and cover is None
    return Prepared(
        source=source,
        source_hash=source_hash(content),
        draft=replace(draft, title=words(draft.title), excerpt=words(draft.excerpt) or make_excerpt(html)),
        body=body,
        html=html,
        cover=cover,
    )


def words(text: str) -> str:
    """A line of front matter as plain text: titles and excerpts are shown as they are."""
    return plain_text(remnants.clean(text).text.replace("<", "&lt;") if "<" in text else remnants.clean(text).text)
