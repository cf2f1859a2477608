"""Public posts of categories, tags and authors, from counts that the database keeps."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from content.selectors.rows import fetch

HIDDEN = """
SELECT l.kind, l.term, count(*) FROM content_listedpost s JOIN content_listedpost l ON l.post_id = s.post_id
WHERE s.kind = 'all' AND s.term = 0 AND s.published_at > %s AND l.kind IN ({}) GROUP BY l.kind, l.term
"""


async def scheduled_by_term(kinds: Collection[str], now: datetime) -> Counter[tuple[str, int]]:
    """How many scheduled posts each term has: one query over these posts alone."""
    rows = await fetch(HIDDEN.format(", ".join(["%s"] * len(kinds))), [now, *kinds])
    return Counter({(kind, term): posts for kind, term, posts in rows})
