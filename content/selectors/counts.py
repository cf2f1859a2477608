"""Public posts of categories, tags and authors, from counts that the database keeps."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from django.db.models import Count

from content.models import ListCount, ListedPost
from content.selectors.months import TOTAL


async def scheduled_by_term(kinds: Collection[str], now: datetime) -> Counter[tuple[str, int]]:
    """How many scheduled posts each term has: one query over these posts alone."""
    ahead = ListedPost.objects.of("all", 0).filter(published_at__gt=now).values("post")
    rows = ListedPost.objects.filter(post__in=ahead, kind__in=kinds).values_list("kind", "term")
    return Counter({(kind, term): posts async for kind, term, posts in rows.annotate(Count("pk"))})


async def public_counts(kind: str, pks: Collection[int], now: datetime) -> dict[int, int]:
    """Of terms with a public post: two queries."""
    rows = ListCount.objects.filter(kind=kind, term__in=pks, month=TOTAL, posts__gt=0).values_list("term", "posts")
    counts = {term: posts async for term, posts in rows}
    hidden = await scheduled_by_term([kind], now)
    shown = {term: posts - hidden[kind, term] for term, posts in counts.items()}
    return {term: posts for term, posts in shown.items() if posts > 0}
