from collections.abc import Mapping, Sequence
from itertools import islice
from urllib.parse import unquote

from django.conf import settings
from django.db.models import Prefetch
from django.utils import timezone
from msgspec import structs

from content.caching import NotThere
from content.documents import ContentsEntry, CoverDocument, PostCard, PostDocument
from content.models import Authorship, MediaFile, Post, PostQuerySet
from content.rendering import add_layout, find_headings, find_images, opens_with, reading_minutes
from content.selectors.terms import author_document, category_document, tag_document

# Shorter posts, in minutes, and posts with fewer headings have no table of contents.
LONG_READ = 4
FEWEST_HEADINGS = 3
# The most images of a body that are looked up: each is a tag of the post's entry.
MOST_PICTURES = 60


def with_relations(posts: PostQuerySet) -> PostQuerySet:
    """Fetch category, cover, authors in order, and tags: three queries for any number of posts."""
    in_order = Authorship.objects.select_related("author").order_by("position", "pk")
    return posts.select_related("category", "cover").prefetch_related(
        Prefetch("authorships", queryset=in_order), "tags"
    )


async def load_post(kind: str, slug: str) -> PostDocument:
    """A public post or page. Raises NotThere for a scheduled one, until its time."""
    announced = Post.objects.announced().filter(kind=kind, slug=slug)
    post = await with_relations(announced.defer("body")).afirst()
    if post is None:
        raise NotThere(f"no {kind} {slug!r}")
    if post.published_at is not None and post.published_at > timezone.now():
        raise NotThere(f"{kind} {slug!r} is not published yet", until=post.published_at)
    return post_document(post, await load_pictures(post.html))


async def load_draft(pk: int) -> PostDocument:
    """A post of any status, for previews. One without a time is shown as if it were published now."""
    post = await with_relations(Post.objects.filter(pk=pk)).afirst()
    if post is None:
        raise NotThere(f"no post {pk}")
    post.published_at = post.published_at or timezone.now()
    return post_document(post, await load_pictures(post.html))


async def load_posts(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], PostDocument]:
    """As load_post, for many, by kind and slug."""
    public = Post.objects.public(timezone.now()).filter(slug__in=[slug for _, slug in names])
    posts = [post async for post in with_relations(public.defer("body"))]
    pictures = await load_pictures(*(post.html for post in posts))
    documents = {(post.kind, post.slug): post_document(post, select_pictures(post.html, pictures)) for post in posts}
    return {name: documents[name] for name in names if name in documents}


async def load_withdrawn(kind: str, slug: str) -> bool:
    """True for a withdrawn post or page. Raises NotThere for any other, so that drafts stay secret."""
    withdrawn = Post.objects.filter(kind=kind, slug=slug, status=Post.Status.WITHDRAWN, password="")
    if not await withdrawn.exclude(published_at__gt=timezone.now()).aexists():
        raise NotThere(f"no withdrawn {kind} {slug!r}")
    return True


async def load_many_withdrawn(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """As load_withdrawn, for many: one query."""
    withdrawn = Post.objects.filter(slug__in=[slug for _, slug in names], status=Post.Status.WITHDRAWN, password="")
    rows = withdrawn.exclude(published_at__gt=timezone.now()).values_list("kind", "slug")
    found = {row async for row in rows}
    return {name: True for name in names if name in found}


async def load_cards(pks: Sequence[int]) -> dict[int, PostCard]:
    public = Post.objects.public(timezone.now()).filter(pk__in=pks).defer("body", "html", "text")
    return {post.pk: post_card(post) async for post in with_relations(public)}


async def load_card(pk: int) -> PostCard:
    cards = await load_cards([pk])
    if pk not in cards:
        raise NotThere(f"no public post {pk}")
    return cards[pk]


def cover_document(media: MediaFile | None, alt: str) -> CoverDocument | None:
    if media is None:
        return None
    return CoverDocument(
        id=media.pk, url=media.file.url, alt=alt or media.alt_text, width=media.width, height=media.height
    )


def post_card(post: Post) -> PostCard:
    """The post needs authorships, tags, category and cover fetched, see with_relations."""
    assert post.published_at is not None  # noqa: S101 - a constraint of the database
    return PostCard(
        id=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        excerpt=post.excerpt or post.beginning,
        published_at=post.published_at,
        language=post.language,
        reading_minutes=reading_minutes(post.word_count),
        cover=cover_document(post.cover, post.cover_alt),
        authors=tuple(author_document(by.author) for by in post.authorships.all()),
        category=category_document(post.category) if post.category else None,
        tags=tuple(tag_document(tag) for tag in post.tags.all()),
    )


def post_document(post: Post, pictures: Mapping[str, MediaFile]) -> PostDocument:
    """As post_card, with the body; `pictures` are the media files in the body, by address."""
    card = post_card(post)
    measured = {source: (media.width, media.height) for source, media in pictures.items()}
    html = add_layout(post.html, {source: (w, h) for source, (w, h) in measured.items() if w and h})
    return PostDocument(
        id=card.id,
        kind=post.kind,
        url=card.url,
        title=card.title,
        excerpt=card.excerpt,
        html=html,
        comments_open=post.comments_open,
        published_at=card.published_at,
        updated_at=post.updated_at,
        language=card.language,
        reading_minutes=card.reading_minutes,
        cover=card.cover,
        authors=card.authors,
        category=card.category,
        tags=card.tags,
        contents=make_contents(html) if card.reading_minutes >= LONG_READ else (),
        pictures=tuple(media.pk for media in pictures.values()),
        has_code='<pre class="highlight"' in html,
        standfirst="" if opens_with(post.text, card.excerpt) else card.excerpt,
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
