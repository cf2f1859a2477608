from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

SPAN = timedelta(days=730)
DRAFTS = 6


@dataclass(frozen=True)
class Publication:
    """How a post stands; `at` is None for a draft."""

    status: str
    at: datetime | None


def publications(now: datetime, posts: int, rng: Random) -> list[Publication]:
    """Oldest first over two years, the newest some hours old, the last one due tomorrow; a few drafts."""
    drafts = min(DRAFTS, posts // 10)
    public = posts - drafts - 1
    step = SPAN / max(public, 1)
    moments = [now - step * (public - index - rng.uniform(0.05, 0.9)) for index in range(public)]
    planned = [Publication("published", moment.replace(second=0, microsecond=0)) for moment in moments]
    for place in rng.sample(range(public), drafts):
        planned.insert(place, Publication("draft", None))
    return [*planned, Publication("scheduled", now + timedelta(days=1))]
