"""All rows of a publisher, a hash that compares two sites, and a site with some of everything."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image

from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

THEN = datetime(2021, 3, 4, 5, 6, 7, 89012, tzinfo=UTC)
BODIES = [
    "",
    "\r\n\r\n  Typed into a form.\r\nOn two lines.\r\n\r\n",
    "---\ntitle: not front matter\n---\n\n- - -\n---\n",
    "\n\n\n```django\n{% include 'x.html' %} {{ page.title }} {#- no -#}\n```\n\n{{ site.url }} {% raw %}\n\n\n",
    "![a picture](/media/2021/03/leaf.png) ![gone](../../etc/passwd) ![far](https://example.org/x.png)",
    "<div>\n\n    <p>indented</p>\n</div>\t \n",
    "\ufeffa mark first, \u2028 and \x85 within, \x1b and \U0001f332 last",
]


def everything() -> Iterator[tuple[Any, ...]]:
    """Rows as a reader or a publisher would tell them apart: numbers that a database gave are left out."""
    yield from _rows(SiteConfig, "title", "tagline", "menu", "posts_per_page", "language", "comments_open")
    yield from _rows(Author, "slug", "name", "bio")
    yield from _rows(Category, "slug", "name", "description")
    yield from _rows(Tag, "slug", "name")
    yield from _rows(Redirect, "old_path", "new_path")
    yield from _rows(MediaFile, "file", "sha256", "alt_text", "width", "height", "uploaded_at")
    for media in MediaFile.objects.order_by("sha256"):
        if media.file.name and media.file.storage.exists(media.file.name):
            with media.file.open("rb") as file:
                yield media.file.name, hashlib.sha256(file.read()).hexdigest()
    for post in sorted(Post.objects.all(), key=lambda post: post.slug):
        yield _columns(post, "category", "cover")
        yield post.category and post.category.slug, post.cover and post.cover.file.name
        yield tuple(each.author.slug for each in post.authorships.select_related("author").order_by("position"))
        yield tuple(sorted(tag.slug for tag in post.tags.all()))
        for comment in post.comments.select_related("parent").order_by("created_at", "pk"):
            yield _columns(comment, "post", "parent")
            yield (comment.parent and (comment.parent.author_name, str(comment.parent.created_at)),)
    # As lists show them: many have the same time. (Those without any are in an order of the database's own.)
    yield tuple(Post.objects.exclude(published_at=None).values_list("slug", flat=True))


def _rows(model: Any, *columns: str) -> Iterator[tuple[Any, ...]]:
    return iter(sorted(model.objects.values_list(*columns), key=str))


def _columns(row: Any, *without: str) -> tuple[Any, ...]:
    """Every column there is, those that are added one day included."""
    fields = [field for field in row._meta.concrete_fields if field.name not in ("id", *without)]
    return tuple((field.name, getattr(row, field.attname)) for field in fields)


def fingerprint() -> str:
    return hashlib.sha256(json.dumps(list(everything()), default=str, sort_keys=True).encode()).hexdigest()


def empty_site() -> None:
    """Delete all rows. Stored files stay."""
    for model in (Comment, Authorship, Post, Redirect, MediaFile, Author, Category, Tag, SiteConfig):
        model.objects.all().delete()


def picture(name: str, colour: str, alt_text: str = "") -> MediaFile:
    content = BytesIO()
    Image.new("RGB", (6, 4), colour).save(content, "PNG")
    media = MediaFile(alt_text=alt_text)
    media.file.save(name, ContentFile(content.getvalue()), save=False)
    media.save()
    media.file.close()
    return media


def make_whole_site() -> None:
    SiteConfig(
        title="Leaves: a 'site'",
        tagline="yes",
        menu=[{"label": "Home \u2603", "url": "/"}, {"label": "no", "url": "https://example.org/?a=1&b=2"}],
        posts_per_page=7,
        language="de",
        comments_open=False,
    ).save()
    authors = [
        Author.objects.create(slug="zoe", name="Zoë", bio="- one\n- two\n\n---\nthree\r\n"),
        Author.objects.create(slug="ann", name="Ann: the first"),
    ]
    category = Category.objects.create(slug="news", name="News & more", description="All\n\nthe news.")
    tags = [Tag.objects.create(slug=slug, name=name) for slug, name in (("c", "C++"), ("дерево", "Дерево"))]
    cover = picture("leaf.png", "green", "A leaf.")
    picture("LEAF.png", "red")
    Redirect.objects.create(old_path="/old path/", new_path="/posts/body-0/")
    Redirect.objects.create(old_path="/away/", new_path="https://example.org/")
    for number, body in enumerate(BODIES):
        post = Post.objects.create(
            slug=f"body-{number}", title=f"Body {number}", body=body, status="published", published_at=THEN,
            updated_at=THEN, category=category, cover=cover, cover_alt="leaf",
        )  # fmt: skip
        post.tags.set(tags)
        for position, author in enumerate(authors):
            Authorship.objects.create(post=post, author=author, position=position)
    make_odd_posts()
    make_comments(Post.objects.get(slug="body-0"))
    Post.objects.update(created_at=THEN)


def make_odd_posts() -> None:
    Post.objects.create(slug="readme", title="A draft", status="draft", body="not done")
    Post.objects.create(slug="later", title="Later", status="scheduled", published_at=THEN.replace(year=2999))
    Post.objects.create(slug="gone", title="Gone", status="withdrawn", published_at=THEN)
    Post.objects.create(slug="secret", title="Secret", status="published", published_at=THEN, password="open: sesame")
    Post.objects.create(slug="news", title="lower", comments_open=False, language="fr-CA", excerpt="a\nb: {{ c }}")
    Post.objects.create(slug="News", title="upper", source_path="elsewhere/x.md", source_hash="f" * 64)
    Post.objects.create(slug="дерево-é", title="no", kind="page", status="published", published_at=THEN)
    Post.objects.create(slug="con", title="2024-01-01", kind="page", status="draft")
    Post.objects.create(slug="x" * 200, title=" " * 3 + "'\"#: ", status="draft")


def make_comments(post: Post) -> None:
    top = Comment.objects.create(
        post=post, author_name="Bob", author_email="bob@example.org", body="- a\n- b\r\n",
        status="approved", created_at=THEN,
    )  # fmt: skip
    answer = Comment.objects.create(post=post, parent=top, author_name="Ann", body="yes", created_at=THEN)
    for status in ("rejected", "spam"):
        Comment.objects.create(
            post=post, parent=answer, author_name="Bob", body=status, status=status, created_at=THEN
        )
    Comment.objects.create(
        post=Post.objects.get(slug="body-1"), author_name="Cy", body="{{ hi }}", source_path="wp:5"
    )
