from dataclasses import dataclass

from content.caching.edge.stored import Page


@dataclass(frozen=True)
class Outcome:
    """What a call of the application came to. Without a page: `reason` why there is none to share, or its error.

    `kept`: others may have it as well; `stale`: it may not be called fresh, whatever it says of itself.
    """

    page: Page | None = None
    kept: bool = False
    stale: bool = False
    status: int = 0
    reason: str = ""
    error: BaseException | None = None
