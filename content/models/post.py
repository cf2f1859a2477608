from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from content.models.media import MediaFile
from content.models.terms import Author, Category, Tag
from content.rendering import EXCERPT_LENGTH, BodyTooLarge, plain_text, render_markdown, shortened

# Columns that are derived from `html` and `body` by every write.
DERIVED = ("text", "beginning", "word_count")


class PostQuerySet(models.QuerySet["Post"]):
    def public(self, now: datetime) -> "PostQuerySet":
        """Posts that readers may see at that time. A scheduled post becomes public at its time, without a write."""
        return self.announced().filter(published_at__lte=now)

    def announced(self) -> "PostQuerySet":
        """Posts that are public, or will be at their time."""
        return self.filter(status__in=[Post.Status.PUBLISHED, Post.Status.SCHEDULED], password="")

    def posts(self) -> "PostQuerySet":
        return self.filter(kind=Post.Kind.POST)

    def bulk_create(self, objs: Iterable["Post"], *args: Any, **kwargs: Any) -> list["Post"]:
        """Like Django's, and writes the derived columns: bulk writes bypass `Post.save`."""
        return super().bulk_create(derive_all(objs), *args, **kwargs)

    def bulk_update(self, objs: Iterable["Post"], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        """Like Django's. A write of `html` or `body` writes the derived columns too."""
        columns = list(fields)
        if {"html", "body"} & set(columns):
            objs, columns = derive_all(objs), list(dict.fromkeys([*columns, *DERIVED]))
        return super().bulk_update(objs, columns, *args, **kwargs)


def derive_all(posts: Iterable["Post"]) -> list["Post"]:
    derived = list(posts)
    for post in derived:
        post.derive()
    return derived


def path_of(kind: str, slug: str) -> str:
    return f"/{slug}/" if kind == "page" else f"/posts/{slug}/"


class Post(models.Model):
    """A post of the blog, or a page that stands by itself.

    Derived from the body by every write: `html` is shown, `text` is searched, lists show `beginning`, and
    `word_count` gives the reading time.
    """

    class Kind(models.TextChoices):
        POST = "post", "Post"
        PAGE = "page", "Page"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"
        WITHDRAWN = "withdrawn", "Withdrawn"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.POST)
    slug = models.SlugField(max_length=200, unique=True, allow_unicode=True)
    title = models.CharField(max_length=300)
    excerpt = models.TextField(blank=True)
    body = models.TextField(blank=True, help_text="Markdown")
    html = models.TextField(blank=True, editable=False)
    text = models.TextField(blank=True, editable=False)
    beginning = models.TextField(blank=True, editable=False, default="", db_default="")
    word_count = models.PositiveIntegerField(editable=False, default=0, db_default=0)
    authors = models.ManyToManyField(Author, through="Authorship", related_name="posts")
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="posts")
    tags = models.ManyToManyField(Tag, blank=True, related_name="posts")
    cover = models.ForeignKey(MediaFile, null=True, blank=True, on_delete=models.SET_NULL, related_name="covers")
    cover_alt = models.CharField(max_length=500, blank=True, help_text="What the cover image shows")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    password = models.CharField(max_length=200, blank=True, help_text="A post with a password is never public.")
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now)
    language = models.CharField(max_length=35, default="en")
    comments_open = models.BooleanField(default=True, help_text="Readers may comment, if the site lets them.")
    source_path = models.CharField(max_length=500, blank=True, editable=False)
    source_hash = models.CharField(max_length=64, blank=True, editable=False)
    # The digest of the last import. A post with another digest now was edited here.
    imported_digest = models.CharField(max_length=64, blank=True, editable=False, default="", db_default="")

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        permissions = [("publish_post", "Can publish, schedule and withdraw posts")]
        indexes = [
            models.Index(fields=["kind", "status", "-published_at", "-id"], name="post_newest_first"),
            models.Index(fields=["category", "-published_at", "-id"], name="post_newest_in_category"),
            models.Index(fields=["source_path"], name="post_by_source"),
            # Searches read the newest posts until they have enough.
            models.Index(
                fields=["-published_at", "-id"],
                condition=models.Q(status__in=["published", "scheduled"], password=""),
                name="post_announced_newest_first",
            ),
            # All columns that a part of the sitemap reads: rows are long. SQLite reads those of the condition, too.
            models.Index(
                fields=["id", "kind", "slug", "published_at", "updated_at", "status", "password"],
                condition=models.Q(status__in=["published", "scheduled"], password=""),
                name="post_in_sitemap",
            ),
            # The latest change in each part of the sitemap (documents.sitemap.KEYS_A_PART).
            models.Index(
                F("id") / 1_000,
                Greatest("updated_at", "published_at").desc(),
                condition=models.Q(status__in=["published", "scheduled"], password=""),
                name="post_changed_in_part",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "withdrawn"]) | models.Q(published_at__isnull=False),
                name="post_public_has_a_time",
            ),
            models.CheckConstraint(condition=~models.Q(slug=""), name="post_slug_is_not_empty"),
            models.CheckConstraint(condition=models.Q(kind__in=["post", "page"]), name="post_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "scheduled", "published", "withdrawn"]),
                name="post_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return path_of(self.kind, self.slug)

    @property
    def is_announced(self) -> bool:
        """Whether it is public, or will be at its time; as PostQuerySet.announced."""
        return self.status in (self.Status.PUBLISHED, self.Status.SCHEDULED) and not self.password

    @property
    def is_public(self) -> bool:
        """Whether a reader may see it now; as PostQuerySet.public."""
        return self.is_announced and self.published_at is not None and self.published_at <= timezone.now()

    def clean(self) -> None:
        """Show a body that cannot be rendered as an error of its field."""
        try:
            render_markdown(self.body)
        except BodyTooLarge as error:
            raise ValidationError({"body": str(error)}) from error

    def derive(self) -> None:
        self.text = plain_text(self.html)
        self.beginning = shortened(self.text, EXCERPT_LENGTH)
        self.word_count = len(self.body.split())

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Render the body on each save, so that no reader waits for Markdown."""
        self.html = render_markdown(self.body)
        self.derive()
        if self.published_at is None and self.status in (self.Status.PUBLISHED, self.Status.SCHEDULED):
            self.published_at = timezone.now()
        super().save(*args, **kwargs)


class Authorship(models.Model):
    """An author of a post; `position` orders the authors."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="authorships")
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["post", "author"], name="authorship_once_a_post"),
        ]

    def __str__(self) -> str:
        return f"{self.author_id} of {self.post_id}"


class PostViews(models.Model):
    """The views of a post. It is a table of its own, so that counting changes no content.

    `heat` ranks posts by views that decay with time: log2 of the sum over views of 2^(t / half-life), where t is in
    seconds since the Unix epoch. It is never recomputed, since all views decay alike (forward decay, Cormode et al.,
    ICDE 2009).
    """

    post = models.OneToOneField(Post, on_delete=models.CASCADE, primary_key=True, related_name="view_counts")
    total = models.PositiveBigIntegerField(default=0)
    heat = models.FloatField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "post views"
        indexes = [
            models.Index(fields=["-total"], name="post_views_by_total"),
            models.Index(fields=["-heat"], name="post_views_by_heat"),
        ]

    def __str__(self) -> str:
        return f"{self.total} views of post {self.post_id}"


class ViewCursor(models.Model):
    """The last record of the stream of views that is in PostViews; one row, updated in the same transaction."""

    stream = models.CharField(max_length=100, primary_key=True)
    last_id = models.CharField(max_length=50, default="0-0")

    def __str__(self) -> str:
        return f"{self.stream} up to {self.last_id}"


class ImportSource(models.Model):
    """A folder that posts were imported from: `name` begins their source paths, `location` is its last path."""

    name = models.CharField(max_length=200, unique=True)
    location = models.CharField(max_length=4096)

    def __str__(self) -> str:
        return self.name
