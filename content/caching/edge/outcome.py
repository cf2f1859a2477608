from dataclasses import dataclass

from content.caching.edge.stored import Page
from content.caching.entry import Stamp


@dataclass(frozen=True)
class Outcome:
    """What a call of the application came to. Without a page: `reason` why there is none to share, or its error.

    `kept`: others may have it as well; `stale`: it may not be called fresh, whatever it says of itself.
    `tags`: what it depends on, and `begun`: since when; None: that is not known.
    """

    page: Page | None = None
    kept: bool = False
    stale: bool = False
    status: int = 0
    reason: str = ""
    error: BaseException | None = None
    tags: tuple[str, ...] = ()
    begun: Stamp | None = None
