"""Posts and their cards. Raw SQL: to build the ORM's queries and rows took several times as long as to run them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.conf import settings
from django.utils import timezone
from msgspec import structs

from content.caching import NotThere
from content.documents import (
    AuthorDocument,
    ContentsEntry,
    CoverDocument,
    PostCard,
    PostDocument,
    TermDocument,
)
from content.models import MediaFile, Post
from content.models.post import path_of
from content.rendering import add_layout, find_headings, find_images, opens_with, reading_minutes
from content.selectors.sql import fetch, moment_column, parse_moment

# Shorter posts, in minutes, and posts with fewer headings have no table of contents.
LONG_READ = 4
FEWEST_HEADINGS = 3
# The most images of a body that are looked up: each is a tag of the post's entry.
MOST_PICTURES = 60

# The same rule as PostQuerySet.announced.
ANNOUNCED = "p.status IN ('published', 'scheduled') AND p.password = ''"
ANY_STATUS = "1 = 1"
# Columns of a document that its card does not need.
TEXTS = ", p.html, p.text, p.comments_open, p.updated_at"
POSTS = """
SELECT p.id, p.kind, p.slug, p.title, p.excerpt, p.beginning, p.word_count, {published_at}, p.language, p.cover_alt,
    m.id, m.file, m.alt_text, m.width, m.height, c.id, c.slug, c.name{columns}
FROM content_post p
LEFT JOIN content_mediafile m ON m.id = p.cover_id LEFT JOIN content_category c ON c.id = p.category_id
WHERE {of} AND {where}
"""
# Authors by their positions, then tags by name.
LINKED = """
SELECT 'author', l.post_id, a.id, a.slug, a.name, l.position, '' AS by_name, l.id
FROM content_authorship l JOIN content_author a ON a.id = l.author_id WHERE l.post_id IN ({posts})
UNION ALL SELECT 'tag', l.post_id, t.id, t.slug, t.name, 0, t.name, t.id
FROM content_post_tags l JOIN content_tag t ON t.id = l.tag_id WHERE l.post_id IN ({posts})
ORDER BY 1, 6, 7, 8
"""


async def load_post(kind: str, slug: str) -> PostDocument:
    """A public post or page: three queries at most. Raises NotThere for a scheduled one, until its time."""
    rows = await fetch_posts("p.kind = %s AND p.slug = %s", [kind, slug], columns=TEXTS)
    if not rows:
        raise NotThere(f"no {kind} {slug!r}")
    if rows[0].card.published_at > timezone.now():
        raise NotThere(f"{kind} {slug!r} is not published yet", until=rows[0].card.published_at)
    return (await make_documents(rows))[0]


async def load_draft(pk: int) -> PostDocument:
    """A post of any status, for previews. One without a time is shown as if it were published now."""
    rows = await fetch_posts("p.id = %s", [pk], columns=TEXTS, of=ANY_STATUS)
    if not rows:
        raise NotThere(f"no post {pk}")
    return (await make_documents(rows))[0]


async def load_posts(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], PostDocument]:
    """Like load_post, for many, by kind and slug."""
    slugs = [slug for _, slug in names]
    rows = await fetch_posts(f"p.slug IN ({places(slugs)}) AND p.published_at <= %s", [*slugs, timezone.now()], TEXTS)
    documents = {(row.kind, row.card.slug): row for row in rows}
    shown = [documents[name] for name in names if name in documents]
    return {(document.kind, document.slug): document for document in await make_documents(shown)}


async def load_withdrawn(kind: str, slug: str) -> bool:
    """True for a withdrawn post or page. Raises NotThere for any other, so that drafts stay secret."""
    if not await load_many_withdrawn([(kind, slug)]):
        raise NotThere(f"no withdrawn {kind} {slug!r}")
    return True


async def load_many_withdrawn(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """Like load_withdrawn, for many: one query."""
    withdrawn = Post.objects.filter(slug__in=[slug for _, slug in names], status=Post.Status.WITHDRAWN, password="")
    rows = withdrawn.exclude(published_at__gt=timezone.now()).values_list("kind", "slug")
    found = {row async for row in rows}
    return {name: True for name in names if name in found}


async def load_cards(pks: Sequence[int]) -> dict[int, PostCard]:
    """The cards of public posts: two queries."""
    rows = await fetch_posts(f"p.id IN ({places(pks)}) AND p.published_at <= %s", [*pks, timezone.now()])
    return {row.card.id: row.card for row in rows}


async def load_card(pk: int) -> PostCard:
    cards = await load_cards([pk])
    if pk not in cards:
        raise NotThere(f"no public post {pk}")
    return cards[pk]


def places(values: Sequence[Any]) -> str:
    """Placeholders for parameters."""
    return ", ".join(["%s"] * len(values)) or "NULL"


async def fetch_posts(
    where: str, parameters: Sequence[Any], columns: str = "", of: str = ANNOUNCED
) -> list["FetchedPost"]:
    """Fetch posts with authors, category, tags and cover: two queries."""
    sql = POSTS.format(columns=columns, of=of, where=where, published_at=moment_column("p.published_at"))
    rows = await fetch(sql, parameters)
    if not rows:
        return []
    pks = [row[0] for row in rows]
    authors: dict[int, list[AuthorDocument]] = defaultdict(list)
    tags: dict[int, list[TermDocument]] = defaultdict(list)
    for kind, post, pk, slug, name, _, _, _ in await fetch(LINKED.format(posts=places(pks)), [*pks, *pks]):
        if kind == "tag":
            tags[post].append(TermDocument(id=pk, kind="tags", slug=slug, name=name))
        else:
            authors[post].append(AuthorDocument(id=pk, slug=slug, name=name))
    return [make_fetched_post(row, tuple(authors[row[0]]), tuple(tags[row[0]])) for row in rows]


class FetchedPost(NamedTuple):
    """A post's card and kind, with the columns TEXTS if they were fetched."""

    card: PostCard
    kind: str
    texts: tuple[Any, ...]


def make_fetched_post(row: Any, authors: tuple[AuthorDocument, ...], tags: tuple[TermDocument, ...]) -> FetchedPost:
    pk, kind, slug, title, excerpt, beginning, words, published_at, language, cover_alt, *row = row
    media, file, alt_text, width, height, category, category_slug, category_name, *texts = row
    card = PostCard(
        id=pk,
        url=path_of(kind, slug),
        title=title,
        excerpt=excerpt or beginning,
        published_at=parse_moment(published_at) or timezone.now(),
        language=language,
        reading_minutes=reading_minutes(words),
        cover=None if media is None else make_cover(media, file, cover_alt or alt_text, width, height),
        authors=authors,
        category=None
        if category is None
        else TermDocument(id=category, kind="categories", slug=category_slug, name=category_name),
        tags=tags,
    )
    return FetchedPost(card, kind, tuple(texts))


def make_cover(pk: int, file: str, alt: str, width: int | None, height: int | None) -> CoverDocument:
    url = MediaFile._meta.get_field("file").storage.url(file)
    return CoverDocument(id=pk, url=url, alt=alt, width=width, height=height)


async def make_documents(rows: Sequence[FetchedPost]) -> list[PostDocument]:
    """Make documents of posts that were fetched with TEXTS: one query for their pictures, if they have any."""
    pictures = await load_pictures(*(row.texts[0] for row in rows))
    return [post_document(row, select_pictures(row.texts[0], pictures)) for row in rows]


def post_document(row: FetchedPost, pictures: Mapping[str, MediaFile]) -> PostDocument:
    """The document of a post; `pictures` are the media files in the body, by address."""
    card = row.card
    stored_html, text, comments_open, updated_at = row.texts
    measured = {source: (media.width, media.height) for source, media in pictures.items()}
    html = add_layout(stored_html, {source: (w, h) for source, (w, h) in measured.items() if w and h})
    return PostDocument(
        id=card.id,
        kind=row.kind,
        url=card.url,
        title=card.title,
        excerpt=card.excerpt,
        html=html,
        comments_open=bool(comments_open),
        published_at=card.published_at,
        updated_at=parse_moment(updated_at),
        language=card.language,
        reading_minutes=card.reading_minutes,
        cover=card.cover,
        authors=card.authors,
        category=card.category,
        tags=card.tags,
        contents=make_contents(html) if card.reading_minutes >= LONG_READ else (),
        pictures=tuple(media.pk for media in pictures.values()),
        has_code='<pre class="highlight"' in html,
        standfirst="" if opens_with(text, card.excerpt) else card.excerpt,
    )


def make_contents(html: str) -> tuple[ContentsEntry, ...]:
    """The table of contents of a body; empty for fewer than FEWEST_HEADINGS entries."""
    entries: list[ContentsEntry] = []
    for level, anchor, title in find_headings(html):
        entry = ContentsEntry(anchor=anchor, title=title)
        if level > 2 and entries:
            entries[-1] = structs.replace(entries[-1], parts=(*entries[-1].parts, entry))
        else:
            entries.append(entry)
    return tuple(entries) if len(entries) >= FEWEST_HEADINGS else ()


async def load_pictures(*bodies: str) -> dict[str, MediaFile]:
    """The media files that bodies show, by address: one query, or none for bodies without images."""
    names = {source: name for html in bodies for source, name in islice(media_names(html).items(), MOST_PICTURES)}
    if not names:
        return {}
    files = {media.file.name: media async for media in MediaFile.objects.filter(file__in=set(names.values()))}
    return {source: files[name] for source, name in names.items() if name in files}


def media_names(html: str) -> dict[str, str]:
    """The names of media files that a body shows, by address."""
    media = settings.MEDIA_URL
    return {source: unquote(source.removeprefix(media)) for source in find_images(html) if source.startswith(media)}


def select_pictures(html: str, pictures: Mapping[str, MediaFile]) -> dict[str, MediaFile]:
    """Select the pictures of one body from those of many."""
    return {source: pictures[source] for source in media_names(html) if source in pictures}
