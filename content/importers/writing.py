"""Prepared posts into the database, in bulk, with what they are linked to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from content.importers.edited import digest_of, edited_here
from content.importers.reading import Prepared
from content.importers.redirects import wanted_redirects, write_redirects
from content.importers.slugs import SlugBook
from content.importers.terms import TermBook
from content.models import Author, Authorship, Category, Post, Redirect, Tag

COLUMNS = [
    "kind", "slug", "title", "excerpt", "body", "html", "category", "cover", "cover_alt", "status",
    "password", "published_at", "updated_at", "language", "comments_open", "source_hash", "imported_digest",
]  # fmt: skip


@dataclass
class Written:
    """What one transaction wrote."""

    created: list[Post] = field(default_factory=list)
    updated: list[Post] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # Posts of the batch that were edited here and are left unchanged.
    left_alone: list[Prepared] = field(default_factory=list)


def write(batch: Sequence[Prepared], now: datetime, *, overwrite: bool = False) -> Written:
    """Within a transaction of the caller's. Readers see the old posts until it commits, the new ones after.

    Posts that were edited here are left alone, unless with `overwrite`.
    """
    left_alone: list[Prepared] = []
    if not overwrite:
        known = list(Post.objects.filter(source_path__in=[one.name for one in batch]).select_for_update())
        pks = edited_here(known)
        edited = {post.source_path for post in known if post.pk in pks}
        left_alone = [one for one in batch if one.name in edited]
        batch = [one for one in batch if one.name not in edited]
    done = Writing(batch, now).run()
    done.left_alone = left_alone
    return done


class Writing:
    """One batch on its way into the database."""

    def __init__(self, batch: Sequence[Prepared], now: datetime) -> None:
        self.batch = batch
        self.now = now
        self.done = Written()
        self.known = {post.source_path: post for post in Post.objects.filter(source_path__in=[p.name for p in batch])}
        self.old_urls = {post.pk: post.get_absolute_url() for post in self.known.values()}
        self.slugs = SlugBook((p.draft.slug for p in batch), self.known)

    def run(self) -> Written:
        self.make_terms()
        posts = [self.filled(prepared) for prepared in self.batch]
        self.done.created = [post for post in posts if post.pk is None]
        self.done.updated = [post for post in posts if post.pk is not None]
        Post.objects.bulk_create(self.done.created)
        if self.done.updated:
            self.free_slugs()
            Post.objects.bulk_update(self.done.updated, COLUMNS)
        self.link(posts)
        self.redirect(posts)
        return self.done

    def make_terms(self) -> None:
        drafts = [prepared.draft for prepared in self.batch]
        self.authors = TermBook(Author, (name for draft in drafts for name in draft.authors), "author")
        self.categories = TermBook(Category, (draft.category for draft in drafts if draft.category), "category")
        self.tags = TermBook(Tag, (name for draft in drafts for name in draft.tags), "tag")

    def filled(self, prepared: Prepared) -> Post:
        draft = prepared.draft
        post = self.known.get(prepared.name) or Post(source_path=prepared.name)
        slug = self.slugs.take(draft.slug, post.slug)
        if slug not in (draft.slug, post.slug):
            self.done.warnings.append(f"{prepared.name}: its slug {draft.slug} is taken, it became {slug}.")
        post.slug, post.kind, post.title, post.excerpt = slug, draft.kind, draft.title, draft.excerpt
        post.body, post.html = prepared.body, prepared.html
        post.category = self.categories.named(draft.category)[0] if draft.category else None
        post.cover, post.cover_alt = prepared.cover, draft.cover_alt
        post.status, post.password = draft.status, draft.password
        post.language, post.comments_open = draft.language, draft.comments_open
        changed_at = self.now if post.pk else None
        post.published_at = draft.published_at or post.published_at or self.now
        post.updated_at = draft.updated_at or changed_at or min(post.published_at, self.now)
        post.source_hash = prepared.source_hash
        tags, authors = self.tags.named(*draft.tags), self.authors.named(*draft.authors)
        post.imported_digest = digest_of(post, post.category, tags, authors)
        return post

    def free_slugs(self) -> None:
        """Posts that exchange their slugs would meet half-way, where the database allows no slug twice."""
        moving = [post.pk for post in self.done.updated if self.old_urls[post.pk] != post.get_absolute_url()]
        for pk in moving:
            Post.objects.filter(pk=pk).update(slug=f"moving-{pk}-{self.now:%Y%m%d%H%M%S%f}")

    def link(self, posts: Sequence[Post]) -> None:
        """Authors in order, and tags; what a changed source no longer names is taken off."""
        through = Post.tags.through
        through.objects.filter(post_id__in=[post.pk for post in self.done.updated]).delete()
        pairs = list(zip(posts, self.batch, strict=True))
        through.objects.bulk_create(
            through(post_id=post.pk, tag_id=tag.pk)
            for post, prepared in pairs
            for tag in self.tags.named(*prepared.draft.tags)
        )
        self.sign({post.pk: self.authors.named(*prepared.draft.authors) for post, prepared in pairs})

    def sign(self, wanted: dict[int, list[Author]]) -> None:
        """Who wrote what already stays: taking an author off tells readers of that author's list."""
        before: dict[int, list[int]] = {pk: [] for pk in wanted}
        for post, author in Authorship.objects.filter(post__in=wanted).values_list("post_id", "author_id"):
            before[post].append(author)
        others = [pk for pk, authors in wanted.items() if before[pk] != [author.pk for author in authors]]
        Authorship.objects.filter(post__in=others).delete()
        Authorship.objects.bulk_create(
            Authorship(post_id=pk, author=author, position=position)
            for pk in others
            for position, author in enumerate(wanted[pk])
        )

    def redirect(self, posts: Sequence[Post]) -> None:
        wanted = []
        for post, prepared in zip(posts, self.batch, strict=True):
            old_url = self.old_urls.get(post.pk)
            wanted += wanted_redirects(post, prepared, [old_url] if old_url else [])
        self.done.redirects, warnings = write_redirects(wanted, set(self.old_urls.values()))
        self.done.warnings += warnings
