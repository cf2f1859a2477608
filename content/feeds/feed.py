from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from content.documents import PostDocument

NEVER = datetime.fromtimestamp(0, UTC)


class Feed(Struct, frozen=True):
    """What a feed says, whichever its form. `url` is the page it follows, `address` its own; both are paths.

    `absolute` makes a path whole: nothing in a feed may be relative, it is read elsewhere.
    """

    title: str
    description: str
    url: str
    address: str
    language: str
    posts: tuple[PostDocument, ...]
    absolute: Callable[[str], str]

    @property
    def changed_at(self) -> datetime:
        """When the latest of its posts was changed; of an empty feed always the same moment."""
        return max((changed_at(post) for post in self.posts), default=NEVER)


def changed_at(post: PostDocument) -> datetime:
    """Never before it was published."""
    return max(post.published_at, post.updated_at)
