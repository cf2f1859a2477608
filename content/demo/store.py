"""Generated posts in the database: bulk inserts in bounded batches, pictures through the default storage."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import TypeVar

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

from content.demo.fixture import Fixture, Picture, load_fixture
from content.demo.generator import GeneratedPost, Generator
from content.images import clean_file
from content.models import Author, Authorship, Category, MediaFile, Post, SiteConfig, Tag
from content.rendering import render_markdown, slugify

MAX_POSTS = 1_000_000
# Posts in memory at once, and in one transaction.
BATCH = 500
# With this seed the newest posts are of different themes, and most have covers.
DEMO_SEED = 61
DEMO_POSTS, DEMO_SPAN = 200, timedelta(days=730)
SPAN = timedelta(days=15 * 365)

Named = TypeVar("Named", Author, Category, Tag)
# Called with the number of posts that were written since the last call.
Advance = Callable[[int], None]


@dataclass(frozen=True)
class StoredRows:
    """The rows that posts refer to: categories, tags and authors by slug, media files by the name of a picture."""

    categories: dict[str, Category]
    tags: dict[str, Tag]
    authors: dict[str, Author]
    media: dict[str, MediaFile]


def generate_demo(now: datetime, advance: Advance = lambda count: None) -> int:
    """Store the demo site: 200 posts, pages and a menu, or nothing of it, files included, if anything fails.

    Returns the number of posts and pages.
    """
    fixture = load_fixture()
    generator = Generator(fixture, Random(DEMO_SEED), now, DEMO_POSTS, DEMO_SPAN)  # noqa: S311 - a demo, not a secret
    pages = [
        GeneratedPost(page.title, slugify(page.title), page.body, kind="page", published_at=now - DEMO_SPAN)
        for page in fixture.pages
    ]
    new_files: list[str] = []
    try:
        with transaction.atomic():
            rows = store_rows(fixture, generator, now, new_files)
            count = store_posts([*generator.posts(), *pages], rows, now, advance)
            configure_site(fixture)
    except BaseException:
        for name in new_files:
            default_storage.delete(name)
        raise
    return count


def generate_posts(count: int, seed: int, now: datetime, advance: Advance = lambda count: None) -> int:
    """Store `count` generated posts in batches, and return how many are new.

    The same seed makes the same posts, their times apart. A post whose slug exists is left alone, so a run that was
    interrupted is completed by the next. Raises ValueError past 1 to MAX_POSTS.
    """
    if not 1 <= count <= MAX_POSTS:
        raise ValueError(f"{count:,} posts cannot be generated: the number must be between 1 and {MAX_POSTS:,}.")
    fixture = load_fixture()
    generator = Generator(fixture, Random(seed), now, count, SPAN)  # noqa: S311 - not a secret
    with transaction.atomic():
        rows = store_rows(fixture, generator, now, [])
    posts = generator.posts()
    stored = 0
    while batch := list(islice(posts, BATCH)):
        slugs = [post.slug for post in batch]
        with transaction.atomic():
            known = set(Post.objects.filter(slug__in=slugs).values_list("slug", flat=True))
            stored += store_posts([post for post in batch if post.slug not in known], rows, now)
        advance(len(batch))
    with connection.cursor() as cursor:
        # Query planners choose indexes by these statistics.
        cursor.execute("ANALYZE")
    return stored


def store_rows(fixture: Fixture, generator: Generator, now: datetime, new_files: list[str]) -> StoredRows:
    return StoredRows(
        store_named(
            Category, (Category(slug=t.slug, name=t.name, description=t.description) for t in fixture.themes)
        ),
        store_named(Tag, (Tag(slug=slugify(name), name=name) for name in generator.tag_names)),
        store_named(Author, (Author(slug=slugify(a.name), name=a.name, bio=a.bio) for a in generator.authors)),
        {picture.file: store_picture(picture, now, new_files) for picture in fixture.pictures},
    )


def store_named(model: type[Named], rows: Iterable[Named]) -> dict[str, Named]:
    """The rows by slug, as stored: one that exists stays as it is."""
    by_slug = {row.slug: row for row in rows}
    model._default_manager.bulk_create(by_slug.values(), ignore_conflicts=True)
    return {row.slug: row for row in model._default_manager.filter(slug__in=by_slug)}


def store_picture(picture: Picture, now: datetime, new_files: list[str]) -> MediaFile:
    """A picture that is stored already is used again. The names of new files are added to `new_files`."""
    content = picture.read()
    sha256 = hashlib.sha256(content).hexdigest()
    if known := MediaFile.objects.filter(sha256=sha256).first():
        return known
    image = clean_file(picture.file, content)
    name = default_storage.save(f"{now:%Y/%m}/{picture.file}", ContentFile(content))
    new_files.append(name)
    size = {"width": image.width, "height": image.height} if image else {}
    return MediaFile.objects.create(file=name, sha256=sha256, alt_text=picture.alt_text, **size)


def store_posts(
    posts: Sequence[GeneratedPost], rows: StoredRows, now: datetime, advance: Advance = lambda count: None
) -> int:
    """Bulk inserts bypass `Post.save`, so bodies are rendered here."""
    stored = []
    for post in posts:
        stored.append(post_row(post, rows, now))
        advance(1)
    Post.objects.bulk_create(stored, batch_size=100)
    link_posts(posts, stored, rows)
    return len(stored)


def post_row(post: GeneratedPost, rows: StoredRows, now: datetime) -> Post:
    cover = rows.media.get(post.picture)
    return Post(
        kind=post.kind,
        slug=post.slug,
        title=post.title,
        excerpt=post.excerpt,
        body=post.body,
        html=render_markdown(post.body),
        category=rows.categories.get(post.theme),
        cover=cover,
        cover_alt=cover.alt_text if cover else "",
        status=post.status,
        published_at=post.published_at,
        updated_at=min(post.published_at or now, now),
    )


def link_posts(posts: Sequence[GeneratedPost], stored: Sequence[Post], rows: StoredRows) -> None:
    tag_links, authorships = [], []
    for post, row in zip(posts, stored, strict=True):
        tag_links += [Post.tags.through(post_id=row.pk, tag_id=rows.tags[slugify(name)].pk) for name in post.tags]
        authorships += [
            Authorship(post=row, author=rows.authors[slugify(name)], position=position)
            for position, name in enumerate(post.authors)
        ]
    Post.tags.through.objects.bulk_create(tag_links, batch_size=400)
    Authorship.objects.bulk_create(authorships, batch_size=200)


def configure_site(fixture: Fixture) -> None:
    """Give a site without tagline and menu those of the fixture; an editor's own stay."""
    site = SiteConfig.objects.first() or SiteConfig()
    if site.tagline or site.menu:
        return
    site.title, site.tagline, site.menu = fixture.title, fixture.tagline, fixture.menu
    site.save()
