from collections.abc import Iterator

from content import dependencies
from content.caching import Policy, Resource
from content.documents import NeighboursDocument, RelatedDocument
from content.resources import policies
from content.selectors import neighbours as neighbouring
from content.selectors import related as relations

# A gap of years between two posts is not worth a tag a month.
MOST_MONTHS = 24


def terms_shared(document: RelatedDocument) -> Iterator[str]:
    """Whoever comes to one of these terms, or leaves it, may be closer, or close no more."""
    for pk in document.tags:
        yield dependencies.posts_of("tag", pk)
    if document.category:
        yield dependencies.posts_of("category", document.category)


def months_around(document: NeighboursDocument) -> Iterator[str]:
    """What is published or withdrawn in these months may stand between; at either end of all posts, any may."""
    if document.previous is None or document.next is None or len(document.months) > MOST_MONTHS:
        yield dependencies.POSTS
    else:
        yield from (dependencies.archive_month(year, month) for year, month in document.months)


def until_next_publication(document: RelatedDocument | NeighboursDocument, policy: Policy) -> Policy:
    return policy.until(document.next_publication)


related = Resource(
    "related",
    load=relations.related,
    load_many=relations.related_of,
    policy=policies.NEARBY,
    tags=lambda pk: (dependencies.post(pk),),
    value_tags=terms_shared,
    adapt=until_next_publication,
)

neighbours = Resource(
    "neighbours",
    load=neighbouring.neighbours,
    load_many=neighbouring.neighbours_of,
    policy=policies.NEARBY,
    tags=lambda pk: (dependencies.post(pk),),
    value_tags=months_around,
    adapt=until_next_publication,
)
