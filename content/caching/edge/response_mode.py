"""What is done with the application's response, and the result of one call."""

from dataclasses import dataclass
from enum import Enum

from content.caching.edge.page import Page
from content.caching.entry import Stamp


class ResponseMode(Enum):
    UNDECIDED = "nothing has come"
    FORWARD = "each message goes on to the client"
    TEE = "goes on, and is collected"
    STORE = "is collected, and answered from"
    FRESHEN = "what we have is still right"
    CONFIRM = "what we have is right for this reader, and that is not to be kept"
    STALE_IF_ERROR = "what we have is better than this error"
    NOT_MODIFIED = "the client has it already, and is told so"


@dataclass(frozen=True)
class Outcome:
    """The result of one call of the application. Without a page: the `reason` or the `error`.

    `stored`: others may get it. `stale`: it must not be called fresh. `tags`, `begun`: its dependencies, and the log
    position at which it began; None if unknown.
    """

    page: Page | None = None
    stored: bool = False
    stale: bool = False
    status: int = 0
    reason: str = ""
    error: BaseException | None = None
    tags: tuple[str, ...] = ()
    begun: Stamp | None = None
