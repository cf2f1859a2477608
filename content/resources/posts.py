from collections.abc import Iterator

from content import dependencies
from content.caching import Resource
from content.documents import PostCard, PostDocument
from content.resources import policies
from content.selectors import posts


def shown_with(post: PostCard | PostDocument) -> Iterator[str]:
    """What else a post's document shows: names of its authors, category and tags, its cover and pictures."""
    yield dependencies.post(post.id)
    for author in post.authors:
        yield dependencies.row("author", author.id)
    for tag in post.tags:
        yield dependencies.row("tag", tag.id)
    if post.category:
        yield dependencies.row("category", post.category.id)
    if post.cover:
        yield dependencies.media(post.cover.id)
    if isinstance(post, PostDocument):
        for picture in post.pictures:
            yield dependencies.media(picture)


post = Resource(
    "post",
    load=posts.post_by_slug,
    load_many=posts.posts_by_slug,
    policy=policies.POST,
    tags=lambda kind, slug: (dependencies.slug("post", slug),),
    value_tags=shown_with,
    schema=2,
)

post_card = Resource(
    "post_card",
    load=posts.card_by_id,
    load_many=posts.cards_by_id,
    policy=policies.POST_CARD,
    tags=lambda pk: (dependencies.post(pk),),
    value_tags=shown_with,
)

withdrawn = Resource(
    "withdrawn",
    load=posts.is_withdrawn,
    load_many=posts.withdrawn_of,
    policy=policies.WITHDRAWN,
    tags=lambda kind, slug: (dependencies.slug("post", slug),),
)
