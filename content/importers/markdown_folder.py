"""The import of a folder of Markdown: read, compare, and write in batches; a bad file stops no other.

A file with front matter becomes a post that is ready to be written.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from content.importers import eleventy, front_matter, jekyll, zola
from content.importers.detector import Format, detect_format
from content.importers.evergreen import import_export
from content.importers.files import SourceFile, decode_text, find_markdown_files, find_withheld_folders, hash_source
from content.importers.front_matter import (
    UNREADABLE,
    Matter,
    get_names,
    get_picture,
    get_plain_values,
    get_text,
    parse_time,
    split_dated_name,
)
from content.importers.inherited import InheritedValues
from content.importers.markdown import remove_html_indent
from content.importers.media import FolderMedia
from content.importers.paths import collect_old_paths
from content.importers.post_writer import LONGEST_ALT, LONGEST_EXCERPT, Draft, PreparedPost, batched, write_posts
from content.importers.references import resolve_references
from content.importers.report import BadFile, ImportReport, Progress
from content.importers.sources import identify_source
from content.importers.template_tags import convert_template_tags, format_person
from content.importers.visibility import Fields, decide_visibility
from content.models import Post
from content.rendering import BodyTooLarge, make_excerpt, plain_text, render_markdown, shortened, slugify

LONGEST_TITLE = 300
MARKUP = ("<", "&", "*", "_", "[", "`", "{", "\\")
MORE = ("<!--more-->", "<!-- more -->")


def prepare_post(
    source: SourceFile,
    content: bytes,
    media: FolderMedia,
    now: datetime,
    inherited: Sequence[tuple[str, Matter]] = (),
) -> PreparedPost:
    """Raises BadFile with the reason. Not in a transaction: images and files are stored at once."""
    matter, text = front_matter.split(decode_text(content))
    if type(matter.get("evergreen")) is int:
        # The body is final: template tags in it are its text.
        raise BadFile("It is of an export: import the whole folder, the one that has evergreen.yaml.")
    draft = make_draft(source, matter, now, inherited)
    text = remove_html_indent(jekyll.remove_comments(UNREADABLE.sub("", text)))
    converted = convert_template_tags(text, get_plain_values(matter))
    folder = source.path.parent
    body = resolve_references(converted.text, folder, media).strip("\n")
    html = render(body)
    cover = media.find(folder, draft.cover) if draft.cover else None
    media.missing += bool(draft.cover) and cover is None
    return PreparedPost(
        name=source.name,
        draft=replace(
            draft,
            title=to_plain_text(draft.title)[:LONGEST_TITLE].strip() or "Untitled",
            excerpt=shortened(to_plain_text(draft.excerpt), LONGEST_EXCERPT) or extract_excerpt(body, html),
            cover_alt=to_plain_text(draft.cover_alt)[:LONGEST_ALT],
        ),
        body=body,
        html=html,
        cover=cover,
        converted=converted.converted,
        dropped=converted.dropped,
    )


def make_draft(
    source: SourceFile, matter: Matter, now: datetime, inherited: Sequence[tuple[str, Matter]] = ()
) -> Draft:
    """The fields in front matter and path. `inherited` has the names and values of files above. Raises BadFile."""
    fields = Fields(matter, inherited)
    matter = zola.flatten_taxonomies(matter)
    file_date, name = split_dated_name(source.stem)
    published_at = parse_time(matter.get("date") or matter.get("pubDate"), "date") or file_date
    by_space = file_date is not None or jekyll.is_post_folder(source.folders)
    categories = get_names(matter, "category", "categories", by_space=by_space)
    tags = get_names(matter, "tags", "tag", "keywords", by_space=by_space)
    cover, cover_alt = get_picture(matter)
    kind = "page" if is_page(source, matter, published_at) else "post"
    path_reason = source.withholding_reason(file_date)
    visibility = decide_visibility(fields, published_at, now, kind=kind, path_reason=path_reason)
    updated = matter.get("updated") or matter.get("lastmod") or matter.get("last_modified_at")
    return Draft(
        slug=slugify(get_text(matter, "slug") or name),
        title=get_text(matter, "title") or make_title(name),
        kind=kind,
        status=visibility.status,
        excerpt=get_text(matter, "excerpt", "summary", "description"),
        published_at=visibility.published_at,
        updated_at=parse_time(updated, "updated"),
        language=(get_text(matter, "lang", "language", "locale") or "en")[:35],
        authors=tuple(dict.fromkeys(format_person(name) for name in get_names(matter, "authors", "author"))),
        category=categories[0] if categories else "",
        tags=tuple(dict.fromkeys(tag for tag in (*tags, *categories[1:]) if tag not in eleventy.COLLECTIONS)),
        cover=cover,
        cover_alt=cover_alt,
        old_paths=collect_old_paths(matter, jekyll.make_dated_path(file_date, name) if file_date else ""),
        password=visibility.password,
        withheld=visibility.reason,
        warning=visibility.warning,
    )


def make_title(name: str) -> str:
    words = " ".join(name.replace("-", " ").replace("_", " ").split())
    return words[:1].upper() + words[1:] or "Untitled"


def is_page(source: SourceFile, matter: Matter, published_at: datetime | None) -> bool:
    """Whether the file is a page, by its type or layout.

    Otherwise a page lies in `pages`, or has no date and lies beside a site's sections.
    """
    if layout := get_text(matter, "type", "layout"):
        return layout in ("page", "pages")
    return source.is_in_pages or (source.is_beside_sections and published_at is None)


def render(body: str) -> str:
    try:
        return render_markdown(body)
    except BodyTooLarge as error:
        raise BadFile(str(error)) from error


def extract_excerpt(body: str, html: str) -> str:
    """The text before the author's mark or, without one, the beginning."""
    for mark in MORE:
        before, found, _ = body.partition(mark)
        if found and before.strip():
            return make_excerpt(render(before), LONGEST_EXCERPT)
    return make_excerpt(html)


def to_plain_text(text: str) -> str:
    """A line of front matter without markup: titles and excerpts are shown as they are."""
    if not any(mark in text for mark in MARKUP):
        return text
    return plain_text(render(convert_template_tags(text).text))


FILES_A_BATCH = 50
MENTIONS_EXPIRY = re.compile(rb"expir|unpublish", re.IGNORECASE)


def import_folder(
    root: Path,
    progress: Progress = lambda report: None,
    *,
    now: datetime | None = None,
    source: str = "",
    overwrite: bool = False,
) -> ImportReport:
    """Import all Markdown files below `root`. A second run writes only what changed in the files.

    `progress` gets the counts after each batch. `source` names the source that the folder is. Posts that were edited
    here are left alone, unless with `overwrite`. An export of this service is restored as it was.

    Raises BadFile for a folder of a generator that is not supported. Raises OperationalError if the database fails;
    what was committed stays, and the next run continues from there.
    """
    if detect_format(root) is Format.EVERGREEN:
        return import_export(root, progress)
    files = list(find_markdown_files(root))
    identified = identify_source(root, files, source)
    run = FolderImport(root, ImportReport(files=len(files)), progress, now or timezone.now(), overwrite)
    run.report.warnings += [identified.warning] if identified.warning else []
    for folder in find_withheld_folders(root):
        name = f"{identified.name}/{folder}/"
        run.report.withhold(name, "Its name begins with _: none of its files is imported.")
    progress(run.report)
    for batch in batched((replace(file, source=identified.name) for file in files), FILES_A_BATCH):
        run.import_batch(batch)
    return run.report


class FolderImport:
    """One import of one folder."""

    def __init__(self, root: Path, report: ImportReport, progress: Progress, now: datetime, overwrite: bool) -> None:
        self.report = report
        self.overwrite = overwrite
        self.progress = progress
        self.media = FolderMedia(root, note=report.note)
        self.inherited = InheritedValues(root)
        self.now = now

    def import_batch(self, files: Sequence[SourceFile]) -> None:
        """Files are read and rendered before the transaction, which locks the database against other writers."""
        posts = Post.objects.filter(source_path__in=[file.name for file in files])
        hashes = dict(posts.values_list("source_path", "source_hash"))
        prepared = [post for file in files if (post := self.prepare(file, hashes.get(file.name)))]
        write_posts(prepared, self.report, self.now, overwrite=self.overwrite)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing
        for warnings in (self.media.refused, self.inherited.warnings):
            self.report.warnings += warnings
            warnings.clear()
        self.progress(self.report)

    def prepare(self, file: SourceFile, known_hash: str | None) -> PreparedPost | None:
        """None for a file that is not written; it is counted here."""
        try:
            if not file.is_post:
                self.report.not_posts += 1
                self.report.note("files that are no posts", file.name)
                return None
            content = file.read()
            inherited = self.inherited.for_file(file)
            digest = hash_source(content, self.other_input(content, inherited))
            if digest == known_hash:
                self.report.unchanged += 1
                return None
            return replace(prepare_post(file, content, self.media, self.now, inherited), source_hash=digest)
        except BadFile as error:
            self.report.fail(file.name, str(error))
        except (OSError, ValueError, OverflowError, RecursionError) as error:
            self.report.fail(file.name, f"It could not be read as a post: {type(error).__name__}: {error}")
        return None

    def other_input(self, content: bytes, inherited: Sequence[tuple[str, Matter]]) -> str:
        """The input of a post besides its own bytes: inherited values, and whether it has expired."""
        values = repr(inherited) if inherited else ""
        if MENTIONS_EXPIRY.search(content) or MENTIONS_EXPIRY.search(values.encode(errors="replace")):
            matter, _ = front_matter.split(decode_text(content))
            values += " expired" if Fields(matter, inherited).is_expired(self.now) else ""
        return values
