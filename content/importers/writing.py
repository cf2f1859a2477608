"""Prepared posts into the database, in bulk, with what they are linked to."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from content.importers.reading import Prepared
from content.importers.report import ImportReport
from content.importers.terms import Terms
from content.invalidation import invalidate_on_commit, tags_of
from content.models import Authorship, Post, Redirect

COLUMNS = [
    "kind", "slug", "title", "excerpt", "body", "html", "category", "cover", "cover_alt", "status",
    "published_at", "updated_at", "language", "source_hash",
]  # fmt: skip


def write(batch: Sequence[Prepared], terms: Terms, report: ImportReport, now: datetime) -> None:
    """Within a transaction of the caller's. Readers see the old posts until it commits, the new ones after."""
    terms.reload()
    known = {post.source_path: post for post in Post.objects.filter(source_path__in=[p.source.name for p in batch])}
    before = tags_of(known.values())
    slugs = SlugBook(batch, known)
    posts = [
        filled(known.get(p.source.name) or Post(source_path=p.source.name), p, terms, slugs, report, now)
        for p in batch
    ]
    created = [post for post in posts if post.pk is None]
    updated = [post for post in posts if post.pk is not None]
    Post.objects.bulk_create(created)
    Post.objects.bulk_update(updated, COLUMNS)
    link(list(zip(posts, batch, strict=True)), terms)
    redirects = write_redirects(zip(posts, batch, strict=True))
    report.redirects += len(redirects)
    report.created += len(created)
    report.updated += len(updated)
    invalidate_on_commit(before | tags_of([*posts, *redirects]))


class SlugBook:
    """Which slugs are taken by posts of other files."""

    def __init__(self, batch: Sequence[Prepared], known: dict[str, Post]) -> None:
        wanted = {p.draft.slug for p in batch}
        ours = {post.pk for post in known.values()}
        self.taken: set[str] = set()
        # Whatever begins alike may be a suffixed one: "news" and "news-2".
        for slug in wanted:
            rows = Post.objects.filter(slug__startswith=slug[:190]).exclude(pk__in=ours)
            self.taken.update(rows.values_list("slug", flat=True))

    def take(self, wanted: str) -> str:
        slug, number = wanted, 2
        while slug in self.taken:
            slug, number = f"{wanted[:190]}-{number}", number + 1
        self.taken.add(slug)
        return slug


def filled(
    post: Post, prepared: Prepared, terms: Terms, slugs: SlugBook, report: ImportReport, now: datetime
) -> Post:
    draft = prepared.draft
    post.slug = slugs.take(draft.slug)
    if post.slug != draft.slug:
        report.warnings.append(f"{prepared.source.name}: the slug {draft.slug!r} is taken, it became {post.slug!r}")
    post.kind, post.title, post.excerpt = draft.kind, draft.title, draft.excerpt
    post.body, post.html = prepared.body, prepared.html
    post.category = terms.categories.named(draft.category) if draft.category else None
    post.cover, post.cover_alt = prepared.cover, draft.cover_alt
    post.status, post.language = draft.status, draft.language
    post.published_at = draft.published_at or post.published_at or now
    post.updated_at = draft.updated_at or post.published_at
    post.source_hash = prepared.source_hash
    return post


def link(pairs: Sequence[tuple[Post, Prepared]], terms: Terms) -> None:
    """Authors in order, and tags; what a changed file no longer names is taken off."""
    pks = [post.pk for post, _ in pairs]
    through = Post.tags.through
    Authorship.objects.filter(post__in=pks).delete()
    through.objects.filter(post_id__in=pks).delete()
    Authorship.objects.bulk_create(
        Authorship(post=post, author=author, position=position)
        for post, prepared in pairs
        for position, author in enumerate(unique(terms.authors.named(n) for n in prepared.draft.authors))
    )
    through.objects.bulk_create(
        through(post_id=post.pk, tag_id=tag.pk)
        for post, prepared in pairs
        for tag in unique(terms.tags.named(n) for n in prepared.draft.tags)
    )


def unique(rows: Iterable[object]) -> list:  # type: ignore[type-arg]
    return list(dict.fromkeys(rows))


def write_redirects(pairs: Iterable[tuple[Post, Prepared]]) -> list[Redirect]:
    """From every path that the post was known by; a path that is the post's own by now needs none."""
    wanted = {
        path: Redirect(old_path=path, new_path=post.get_absolute_url())
        for post, prepared in pairs
        for path in prepared.draft.old_paths
        if path not in (post.get_absolute_url(), "/")
    }
    Redirect.objects.bulk_create(
        wanted.values(), update_conflicts=True, unique_fields=["old_path"], update_fields=["new_path"]
    )
    return list(wanted.values())
