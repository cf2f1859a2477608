"""Writing the demo blog: bulk writes in one transaction, and pictures through the default storage."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import cycle
from random import Random
from typing import TypeVar

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from content.demo.blog import DemoBlog
from content.demo.newsroom import DemoPost
from content.demo.pictures import draw
from content.demo.scenes import SCENES
from content.models import Author, Authorship, Category, MediaFile, Post, SiteConfig, Tag
from content.rendering import render_markdown, slugify

PICTURE_SIZE = (1280, 720)
PICTURES_A_SCENE = 2
PICTURES = PICTURES_A_SCENE * len(SCENES)

Named = TypeVar("Named", Author, Category, Tag)

Tick = Callable[[], None]


def store_blog(blog: DemoBlog, rng: Random, now: datetime, drawn: Tick, rendered: Tick) -> None:
    """All of the blog or, if anything fails, nothing of it, its files included.

    `drawn` and `rendered` are called once for each picture and post.
    """
    stored: list[str] = []
    try:
        pictures = draw_pictures(rng, now, stored, drawn)
        html = render_bodies(blog.posts, rendered)
        with transaction.atomic():
            write_rows(blog, html, pictures, now)
    except BaseException:
        for name in stored:
            default_storage.delete(name)
        raise


def draw_pictures(rng: Random, now: datetime, stored: list[str], drawn: Tick) -> dict[str, list[MediaFile]]:
    """Unsaved media files by scene; what was there before, from an earlier demo, is used again."""
    pictures: dict[str, list[MediaFile]] = {}
    for name, scene in SCENES.items():
        for number in range(1, PICTURES_A_SCENE + 1):
            data = draw(scene, rng, PICTURE_SIZE)
            media = find_or_store(f"{now:%Y/%m}/{name}-{number}.webp", data, scene.shows, stored)
            pictures.setdefault(name, []).append(media)
            drawn()
    return pictures


def find_or_store(path: str, data: bytes, alt_text: str, stored: list[str]) -> MediaFile:
    sha256 = hashlib.sha256(data).hexdigest()
    known = MediaFile.objects.filter(sha256=sha256).first()
    if known:
        return known
    name = default_storage.save(path, ContentFile(data))
    stored.append(name)
    width, height = PICTURE_SIZE
    return MediaFile(file=name, sha256=sha256, alt_text=alt_text, width=width, height=height)


def render_bodies(posts: Iterable[DemoPost], rendered: Tick) -> list[str]:
    """Bulk writes bypass Post.save, which renders otherwise."""
    html = []
    for post in posts:
        html.append(render_markdown(post.body))
        rendered()
    return html


def write_rows(blog: DemoBlog, html: list[str], pictures: dict[str, list[MediaFile]], now: datetime) -> None:
    media = [picture for scene in pictures.values() for picture in scene]
    MediaFile.objects.bulk_create([picture for picture in media if picture.pk is None])
    categories = named_rows(
        Category, [Category(slug=t.slug, name=t.name, description=t.description) for t in blog.themes]
    )
    tags = named_rows(Tag, [Tag(slug=slugify(name), name=name) for name in blog.tags])
    authors = named_rows(Author, [Author(slug=slugify(p.name), name=p.name, bio=p.bio) for p in blog.people])
    covers = {name: cycle(scene) for name, scene in pictures.items()}
    posts = [new_post(post, markup, categories, covers, now) for post, markup in zip(blog.posts, html, strict=True)]
    Post.objects.bulk_create(posts, batch_size=100)
    link_rows(blog.posts, posts, tags, authors)
    configure_site(blog)


def named_rows(model: type[Named], rows: list[Named]) -> dict[str, Named]:
    """The rows by slug, as stored: one that is there already stays as it is."""
    model._default_manager.bulk_create(rows, ignore_conflicts=True)
    slugs = [row.slug for row in rows]
    return {row.slug: row for row in model._default_manager.filter(slug__in=slugs)}


def new_post(
    post: DemoPost,
    html: str,
    categories: dict[str, Category],
    covers: Mapping[str, Iterator[MediaFile]],
    now: datetime,
) -> Post:
    cover = next(covers[post.cover]) if post.cover else None
    return Post(
        kind=post.kind,
        slug=post.slug,
        title=post.title,
        excerpt=post.excerpt,
        body=post.body,
        html=html,
        category=categories[post.theme] if post.theme else None,
        cover=cover,
        cover_alt=cover.alt_text if cover else "",
        status=post.status,
        published_at=post.published_at,
        updated_at=min(post.published_at or now, now),
    )


def link_rows(
    planned: Iterable[DemoPost], posts: list[Post], tags: dict[str, Tag], authors: dict[str, Author]
) -> None:
    tag_links, authorships = [], []
    for plan, post in zip(planned, posts, strict=True):
        tag_links += [Post.tags.through(post_id=post.pk, tag_id=tags[slugify(name)].pk) for name in plan.tags]
        authorships += [
            Authorship(post=post, author=authors[slugify(name)], position=position)
            for position, name in enumerate(plan.authors)
        ]
    Post.tags.through.objects.bulk_create(tag_links, batch_size=400)
    Authorship.objects.bulk_create(authorships, batch_size=200)


def configure_site(blog: DemoBlog) -> list[SiteConfig]:
    """Words for a site that has none; what somebody has set stays."""
    site = SiteConfig.objects.first() or SiteConfig()
    if site.tagline or site.menu:
        return []
    site.title, site.tagline = blog.title, blog.tagline
    site.menu = [{"label": label, "url": url} for label, url in blog.menu]
    site.save()
    return [site]
