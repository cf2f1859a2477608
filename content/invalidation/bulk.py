from collections.abc import Collection, Iterator
from contextlib import contextmanager

from content.invalidation.commit import invalidate_on_commit
from content.invalidation.post_facts import changed_tags, post_facts


@contextmanager
def changed_posts(pks: Collection[int]) -> Iterator[None]:
    """Around a bulk write to these posts, within its transaction: one invalidation of what it changed of each.

    Six queries, however many posts. For writes of what lists and paths ask (PostFacts), or of words.
    """
    before = post_facts(pks)
    yield
    after = post_facts(pks)
    tags: set[str] = set()
    for pk in before.keys() | after.keys():
        tags |= changed_tags(before.get(pk), after.get(pk))
    invalidate_on_commit(tags)
