"""Prepared posts are written in bulk, with their authors, terms and redirects.

If the database refuses a batch, each of its rows is written alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, OperationalError, transaction

from content.importers.edits import find_edited, hash_editable_fields
from content.importers.paths import SlugAllocator, make_redirects, write_redirects
from content.importers.report import ImportReport
from content.models import Author, Authorship, Category, MediaFile, Post, Redirect, Tag
from content.rendering import slugify

Item = TypeVar("Item")
Result = TypeVar("Result")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def write_batch(
    batch: Sequence[Item], write: Callable[[Sequence[Item]], Result], refuse: Callable[[Item, str], None]
) -> list[Result]:
    """The results of `write`, which runs in a transaction; `refuse` gets each item that the database refuses.

    Raises OperationalError: the database itself fails, and not the item.
    """
    try:
        with transaction.atomic():
            return [write(batch)]
    except OperationalError:
        raise
    except (DatabaseError, ValueError, OverflowError) as error:
        if len(batch) == 1:
            refuse(batch[0], f"The database refused it: {error}")
            return []
        return [result for item in batch for result in write_batch([item], write, refuse)]


COLUMNS = [
    "kind", "slug", "title", "excerpt", "body", "html", "category", "cover", "cover_alt", "status",
    "password", "published_at", "updated_at", "language", "comments_open", "source_hash", "imported_digest",
]  # fmt: skip
LONGEST_EXCERPT = 1000
LONGEST_ALT = 500

Term = TypeVar("Term", Author, Category, Tag)


@dataclass(frozen=True)
class Draft:
    """The fields of a post besides its body.

    A source without a time has no `published_at`; the time of the import replaces it. A post with a `password` is
    never public. `withheld` is the reason why a post is not public, and empty if it is.
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


@dataclass(frozen=True)
class PreparedPost:
    """All that is written for one post. `name` is its source path, which identifies it in later imports."""

    name: str
    draft: Draft
    body: str
    html: str
    cover: MediaFile | None
    source_hash: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass
class Written:
    """The result of one transaction. Edited posts are in `left_alone` and not in `prepared`."""

    prepared: Sequence[PreparedPost]
    left_alone: Sequence[PreparedPost] = ()
    created: list[Post] = field(default_factory=list)
    updated: list[Post] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def write_posts(
    prepared: Sequence[PreparedPost], report: ImportReport, now: datetime, *, overwrite: bool = False
) -> None:
    """Write and report a batch in one transaction: readers see all old posts, and then all new ones.

    Posts that were edited here are left alone, unless with `overwrite`. Raises OperationalError.
    """

    def refuse(post: PreparedPost, reason: str) -> None:
        report.fail(post.name, reason)

    if prepared:
        with transaction.atomic():
            for written in write_batch(prepared, partial(write_unedited, now=now, overwrite=overwrite), refuse):
                report_written(written, report)


def write_unedited(batch: Sequence[PreparedPost], now: datetime, *, overwrite: bool) -> Written:
    edited: set[str] = set()
    if not overwrite:
        known = list(Post.objects.filter(source_path__in=[post.name for post in batch]).select_for_update())
        pks = find_edited(known)
        edited = {post.source_path for post in known if post.pk in pks}
    left_alone = [post for post in batch if post.name in edited]
    batch = [post for post in batch if post.name not in edited]
    written = PostWriter(batch, now).write()
    written.left_alone = left_alone
    return written


def report_written(written: Written, report: ImportReport) -> None:
    report.created += len(written.created)
    report.updated += len(written.updated)
    report.redirects += len(written.redirects)
    report.warnings += written.warnings
    for post in written.left_alone:
        report.leave_alone(post.name, post.draft.withheld)
    for post in written.prepared:
        report.converted += post.converted
        report.dropped += post.dropped
        if post.draft.withheld:
            report.withhold(post.name, post.draft.withheld)
        if post.draft.warning:
            report.warnings.append(f"{post.name}: {post.draft.warning}")


class PostWriter:
    """Writes one batch."""

    def __init__(self, batch: Sequence[PreparedPost], now: datetime) -> None:
        self.batch = batch
        self.now = now
        self.written = Written(batch)
        self.known = {p.source_path: p for p in Post.objects.filter(source_path__in=[p.name for p in batch])}
        self.old_urls = {post.pk: post.get_absolute_url() for post in self.known.values()}
        self.slugs = SlugAllocator((post.draft.slug for post in batch), self.known)

    def write(self) -> Written:
        self.make_terms()
        posts = [self.fill_post(prepared) for prepared in self.batch]
        self.written.created = [post for post in posts if post.pk is None]
        self.written.updated = [post for post in posts if post.pk is not None]
        Post.objects.bulk_create(self.written.created)
        if self.written.updated:
            self.free_slugs()
            Post.objects.bulk_update(self.written.updated, COLUMNS)
        self.write_tags(posts)
        self.write_authors({p.pk: self.authors.get(*d.draft.authors) for p, d in zip(posts, self.batch, strict=True)})
        self.write_redirects(posts)
        return self.written

    def make_terms(self) -> None:
        drafts = [prepared.draft for prepared in self.batch]
        self.authors = Terms(Author, (name for draft in drafts for name in draft.authors), "author")
        self.categories = Terms(Category, (draft.category for draft in drafts if draft.category), "category")
        self.tags = Terms(Tag, (name for draft in drafts for name in draft.tags), "tag")

    def fill_post(self, prepared: PreparedPost) -> Post:
        draft = prepared.draft
        post = self.known.get(prepared.name) or Post(source_path=prepared.name)
        slug = self.slugs.allocate(draft.slug, post.slug)
        if slug not in (draft.slug, post.slug):
            self.written.warnings.append(f"{prepared.name}: its slug {draft.slug} is taken, it became {slug}.")
        post.slug, post.kind, post.title, post.excerpt = slug, draft.kind, draft.title, draft.excerpt
        post.body, post.html = prepared.body, prepared.html
        post.category = self.categories.get(draft.category)[0] if draft.category else None
        post.cover, post.cover_alt = prepared.cover, draft.cover_alt
        post.status, post.password = draft.status, draft.password
        post.language, post.comments_open = draft.language, draft.comments_open
        changed_at = self.now if post.pk else None
        post.published_at = draft.published_at or post.published_at or self.now
        post.updated_at = draft.updated_at or changed_at or min(post.published_at, self.now)
        post.source_hash = prepared.source_hash
        tags, authors = self.tags.get(*draft.tags), self.authors.get(*draft.authors)
        post.imported_digest = hash_editable_fields(post, post.category, tags, authors)
        return post

    def free_slugs(self) -> None:
        """Rename posts that move: two that exchange their slugs would break the unique constraint."""
        moving = [post.pk for post in self.written.updated if self.old_urls[post.pk] != post.get_absolute_url()]
        for pk in moving:
            Post.objects.filter(pk=pk).update(slug=f"moving-{pk}-{self.now:%Y%m%d%H%M%S%f}")

    def write_tags(self, posts: Sequence[Post]) -> None:
        through = Post.tags.through
        through.objects.filter(post_id__in=[post.pk for post in self.written.updated]).delete()
        through.objects.bulk_create(
            through(post_id=post.pk, tag_id=tag.pk)
            for post, prepared in zip(posts, self.batch, strict=True)
            for tag in self.tags.get(*prepared.draft.tags)
        )

    def write_authors(self, wanted: dict[int, list[Author]]) -> None:
        """Rows that are the same stay: deleting one invalidates the list of its author."""
        before: dict[int, list[int]] = {pk: [] for pk in wanted}
        for post, author in Authorship.objects.filter(post__in=wanted).values_list("post_id", "author_id"):
            before[post].append(author)
        changed = [pk for pk, authors in wanted.items() if before[pk] != [author.pk for author in authors]]
        Authorship.objects.filter(post__in=changed).delete()
        Authorship.objects.bulk_create(
            Authorship(post_id=pk, author=author, position=position)
            for pk in changed
            for position, author in enumerate(wanted[pk])
        )

    def write_redirects(self, posts: Sequence[Post]) -> None:
        wanted = []
        for post, prepared in zip(posts, self.batch, strict=True):
            moved_from = [self.old_urls[post.pk]] if post.pk in self.old_urls else []
            wanted += make_redirects(post.get_absolute_url(), [*prepared.draft.old_paths, *moved_from])
        self.written.redirects, warnings = write_redirects(wanted, set(self.old_urls.values()))
        self.written.warnings += warnings


class Terms(Generic[Term]):
    """The terms of one kind in a batch, by name; missing ones are created. "Open Source" is also "open source"."""

    def __init__(self, model: type[Term], names: Iterable[str], fallback: str) -> None:
        rows: Any = model._default_manager
        self.fallback = fallback
        wanted: dict[str, str] = {}
        for name in names:
            wanted.setdefault(self.slug_of(name), name)
        self.by_slug: dict[str, Term] = {term.slug: term for term in rows.filter(slug__in=wanted)}
        missing = [model(slug=slug, name=name) for slug, name in wanted.items() if slug not in self.by_slug]
        self.by_slug |= {term.slug: term for term in rows.bulk_create(missing)}

    def slug_of(self, name: str) -> str:
        return slugify(name, fallback=self.fallback)

    def get(self, *names: str) -> list[Term]:
        """The terms in the order of their names, each once."""
        return list(dict.fromkeys(self.by_slug[self.slug_of(name)] for name in names))
