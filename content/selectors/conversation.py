"""Comments in the order of a conversation. Pure, and safe from what rows can say: rings, gaps, any depth."""

from collections import defaultdict
from collections.abc import Mapping


def depths(parents: Mapping[int, int | None]) -> dict[int, int]:
    """Each comment's depth, in the order of the conversation. `parents` come in the order of time.

    Whoever replies to what is not among them, or is in a ring of replies, begins a conversation.
    """
    replies: dict[int | None, list[int]] = defaultdict(list)
    for pk, parent in parents.items():
        replies[parent if parent in parents else None].append(pk)
    placed: dict[int, int] = {}
    for beginning in [*replies[None], *parents]:
        waiting = [(beginning, 0)]
        while waiting:
            pk, depth = waiting.pop()
            if pk not in placed:
                placed[pk] = depth
                waiting += [(reply, depth + 1) for reply in reversed(replies[pk])]
    return placed
