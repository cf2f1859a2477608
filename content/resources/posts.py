from collections.abc import Iterator

from content import cache_tags
from content.caching import Resource
from content.documents import NeighboursDocument, PostCard, PostDocument, RelatedDocument
from content.resources import policies
from content.resources.policies import until_next_publication
from content.selectors import posts
from content.selectors import related as relations
from content.selectors.comments import load_thread, load_threads

# A longer gap between two posts gets the tag of all posts, instead of a tag a month.
MOST_MONTHS = 24


def tags_of_rows(post: PostCard | PostDocument) -> Iterator[str]:
    """The tags of all rows that a post's document shows: authors, category, tags, cover and pictures."""
    yield cache_tags.post(post.id)
    yield cache_tags.document(post.id, "page" if isinstance(post, PostDocument) else "card")
    for author in post.authors:
        yield cache_tags.row("author", author.id)
    for tag in post.tags:
        yield cache_tags.row("tag", tag.id)
    if post.category:
        yield cache_tags.row("category", post.category.id)
    if post.cover:
        yield cache_tags.media(post.cover.id)
    if isinstance(post, PostDocument):
        for picture in post.pictures:
            yield cache_tags.media(picture)


def tags_of_lists(document: RelatedDocument) -> Iterator[str]:
    """The tags of the lists of the post's terms: a post that joins or leaves one may change the ranking."""
    for pk in document.tags:
        yield cache_tags.posts_of("tag", pk)
    if document.category:
        yield cache_tags.posts_of("category", document.category)


def tags_of_months(document: NeighboursDocument) -> Iterator[str]:
    """The tags of the months between the neighbours; of all posts for the oldest and the newest post."""
    if document.previous is None or document.next is None or len(document.months) > MOST_MONTHS:
        yield cache_tags.POSTS
    else:
        yield from (cache_tags.archive_month(year, month) for year, month in document.months)


# Previews for editors are not cached.
draft = posts.load_draft

post = Resource(
    "post",
    load=posts.load_post,
    load_many=posts.load_posts,
    policy=policies.POST,
    tags=lambda kind, slug: (cache_tags.slug("post", slug),),
    value_tags=tags_of_rows,
    schema=2,
)

post_card = Resource(
    "post_card",
    load=posts.load_card,
    load_many=posts.load_cards,
    policy=policies.POST_CARD,
    tags=lambda pk: (cache_tags.post(pk), cache_tags.document(pk, "card")),
    value_tags=tags_of_rows,
)

withdrawn = Resource(
    "withdrawn",
    load=posts.load_withdrawn,
    load_many=posts.load_many_withdrawn,
    policy=policies.WITHDRAWN,
    tags=lambda kind, slug: (cache_tags.slug("post", slug),),
)

related = Resource(
    "related",
    load=relations.load_related,
    load_many=relations.load_many_related,
    policy=policies.RELATED,
    tags=lambda pk: (cache_tags.post(pk), cache_tags.document(pk, "listing")),
    value_tags=tags_of_lists,
    adapt=until_next_publication,
)

neighbours = Resource(
    "neighbours",
    load=relations.load_neighbours,
    load_many=relations.load_many_neighbours,
    policy=policies.RELATED,
    tags=lambda pk: (cache_tags.post(pk), cache_tags.document(pk, "listing")),
    value_tags=tags_of_months,
    adapt=until_next_publication,
)


# post: its primary key.
comments = Resource(
    "comments",
    load=load_thread,
    load_many=load_threads,
    policy=policies.COMMENTS,
    tags=lambda post: (cache_tags.comments(post),),
)
