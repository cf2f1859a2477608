from content.caching.edge.shelf import Held
from content.caching.edge.stored import Page, Passed
from content.caching.entry import Verdict


class Found:
    """What is stored for a request. `why` there is nothing to answer from, in the words of RFC 9211."""

    __slots__ = ("held", "why")

    def __init__(self, held: Held | None, why: str) -> None:
        self.held = held
        self.why = why

    @property
    def passes(self) -> bool:
        """The last answer was for one reader alone: so may be the next."""
        return self.held is not None and isinstance(self.held.stored, Passed)

    @property
    def page(self) -> Page | None:
        return self.held.stored if self.held is not None and isinstance(self.held.stored, Page) else None

    def replaces(self, old: Held | None) -> bool:
        """Whether somebody has made it meanwhile, and nothing has ended it since."""
        if self.held is None or self.page is None or self.held.verdict is not Verdict.VALID:
            return False
        return old is None or self.held.header.made_at > old.header.made_at
