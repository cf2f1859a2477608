"""The site's watched models: the columns that readers see, and the tags of a change.

Database triggers see every way of writing (content/caching/watch). A change has the tags of the row's old and new
state, because a row that moves leaves one list and joins another (rule 5 of docs/protocol.md).
"""

from collections.abc import Callable, Iterable, Sequence

from content import dependencies
from content.caching.key import resource_tag, weak_tag
from content.caching.watch import Change, watch
from content.invalidation.posts import tags_of_posts
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

# Resources that show no posts.
WITHOUT_POSTS = {"site", "redirect", "category", "tag", "author"}
# The columns that each document of a post shows. A change of one invalidates what needs that document, and makes
# stale what shows it in passing. Reading times are compared by tags_of_posts.
LISTING = ["kind", "status", "password", "published_at", "category"]
CARD = [*LISTING, "slug", "title", "excerpt", "beginning", "cover", "cover_alt", "language"]
PAGE = [*CARD, "word_count", "html", "text", "updated_at", "comments_open"]


def declare_watches(resources: Iterable[str]) -> None:
    """Called once, when the application is ready. `resources` are the names of all resources."""
    everything = with_weak(resource_tag(name) for name in resources)
    of_posts = with_weak(resource_tag(name) for name in resources if name not in WITHOUT_POSTS)
    watch(
        Post,
        documents={"page": PAGE, "card": CARD, "listing": LISTING},
        reads=["kind", "slug", "category", "status", "published_at", "updated_at", "word_count"],
        tags=tags_of_posts,
        coarse=of_posts,
    )
    watch(
        Post.tags.through, name="post-tag", reads=["post", "tag"], tags=tags_of_links("tag", "terms"), coarse=of_posts
    )
    watch(
        Authorship,
        columns=["position"],
        reads=["post", "author"],
        tags=tags_of_links("author", "authors"),
        coarse=of_posts,
    )
    for model, kind in ((Author, "author"), (Category, "category"), (Tag, "tag")):
        shown = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        watch(model, columns=shown, reads=["slug"], tags=tags_of_terms(kind), coarse=everything)
    watch(
        Comment,
        columns=["author_name", "html", "parent", "created_at"],
        reads=["post", "status"],
        tags=tags_of_comments,
        coarse=of_posts,
    )
    watch(
        MediaFile,
        columns=["file", "alt_text", "width", "height"],
        tags=lambda changes: [dependencies.media(change.pk) for change in changes],
        coarse=of_posts,
    )
    watch(
        Redirect,
        columns=["new_path"],
        reads=["old_path"],
        tags=lambda changes: [
            dependencies.redirect(state["old_path"]) for change in changes for state in change.states
        ],
        coarse=[resource_tag("redirect")],
    )
    site = [field.name for field in SiteConfig._meta.concrete_fields]
    watch(SiteConfig, columns=site, tags=lambda changes: [dependencies.SITE], coarse=[dependencies.SITE])


def with_weak(tags: Iterable[str]) -> list[str]:
    """The tags and their weak forms: a coarse change may have withdrawn any row."""
    return [each for tag in tags for each in (tag, weak_tag(tag))]


def tags_of_links(kind: str, others: str) -> Callable[[Sequence[Change]], set[str]]:
    """For rows between posts and tags or authors. `others` is the tag of all lists of that kind."""

    def tags(changes: Sequence[Change]) -> set[str]:
        states = [state for change in changes for state in change.states]
        posts = {
            dependencies.document(state["post_id"], name) for state in states for name in ("page", "card", "listing")
        }
        return {others} | posts | {dependencies.posts_of(kind, state[f"{kind}_id"]) for state in states}

    return tags


def tags_of_terms(kind: str) -> Callable[[Sequence[Change]], set[str]]:
    def tags(changes: Sequence[Change]) -> set[str]:
        slugs = {dependencies.slug(kind, state["slug"]) for change in changes for state in change.states}
        rows = {dependencies.row(kind, change.pk) for change in changes}
        deleted = {dependencies.row(kind, change.pk) for change in changes if change.new is None}
        directory = {dependencies.AUTHORS if kind == "author" else dependencies.TERMS}
        hidden = directory | deleted if deleted else set()
        return directory | slugs | rows | {weak_tag(tag) for tag in hidden}

    return tags


def tags_of_comments(changes: Sequence[Change]) -> set[str]:
    """Tags of approved comments only: readers see no others."""
    return {
        dependencies.comments(state["post_id"])
        for change in changes
        for state in change.states
        if state["status"] == Comment.Status.APPROVED
    }
