from collections.abc import Sequence

from django.db.models import Prefetch
from django.utils import timezone

from content.caching import NotThere
from content.documents import PostCard, PostDocument
from content.models import Authorship, Post, PostQuerySet
from content.selectors.documents import post_card, post_document
from content.selectors.pictures import pictures_in, shown_in


def with_relations(posts: PostQuerySet) -> PostQuerySet:
    """Three queries for any number of posts: rows with category and cover, authors in order, tags."""
    in_order = Authorship.objects.select_related("author").order_by("position", "pk")
    return posts.select_related("category", "cover").prefetch_related(
        Prefetch("authorships", queryset=in_order), "tags"
    )


async def post_by_slug(kind: str, slug: str) -> PostDocument:
    """A public post or page; what is scheduled is "not there" until its time, and no longer."""
    announced = Post.objects.announced().filter(kind=kind, slug=slug)
    post = await with_relations(announced.defer("body")).afirst()
    if post is None:
        raise NotThere(f"no {kind} {slug!r}")
    if post.published_at is not None and post.published_at > timezone.now():
        raise NotThere(f"{kind} {slug!r} is not published yet", until=post.published_at)
    return post_document(post, await pictures_in(post.html))


async def draft_by_id(pk: int) -> PostDocument:
    """Whatever its status; what has no time yet is shown as if it were published now. Not for readers."""
    post = await with_relations(Post.objects.filter(pk=pk)).afirst()
    if post is None:
        raise NotThere(f"no post {pk}")
    post.published_at = post.published_at or timezone.now()
    return post_document(post, await pictures_in(post.html))


async def posts_by_slug(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], PostDocument]:
    """Public posts and pages, by kind and slug."""
    public = Post.objects.public(timezone.now()).filter(slug__in=[slug for _, slug in names])
    posts = [post async for post in with_relations(public.defer("body"))]
    pictures = await pictures_in(*(post.html for post in posts))
    documents = {(post.kind, post.slug): post_document(post, shown_in(post.html, pictures)) for post in posts}
    return {name: documents[name] for name in names if name in documents}


async def is_withdrawn(kind: str, slug: str) -> bool:
    """True of what readers could see once. Anything else is "not there": nobody learns of what was never public."""
    withdrawn = Post.objects.filter(kind=kind, slug=slug, status=Post.Status.WITHDRAWN, password="")
    if not await withdrawn.exclude(published_at__gt=timezone.now()).aexists():
        raise NotThere(f"no withdrawn {kind} {slug!r}")
    return True


async def withdrawn_of(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """As is_withdrawn, for many: one query."""
    withdrawn = Post.objects.filter(slug__in=[slug for _, slug in names], status=Post.Status.WITHDRAWN, password="")
    rows = withdrawn.exclude(published_at__gt=timezone.now()).values_list("kind", "slug")
    found = {row async for row in rows}
    return {name: True for name in names if name in found}


async def cards_by_id(pks: Sequence[int]) -> dict[int, PostCard]:
    public = Post.objects.public(timezone.now()).filter(pk__in=pks).defer("body", "html", "text")
    return {post.pk: post_card(post) async for post in with_relations(public)}


async def card_by_id(pk: int) -> PostCard:
    cards = await cards_by_id([pk])
    if pk not in cards:
        raise NotThere(f"no public post {pk}")
    return cards[pk]


async def all_slugs() -> list[tuple[str, str]]:
    """Kind and slug of all that is public, newest first."""
    public = Post.objects.public(timezone.now()).order_by("-published_at", "-pk")
    return [row async for row in public.values_list("kind", "slug")]
