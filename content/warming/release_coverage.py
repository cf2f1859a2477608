"""The coverage of a release: the share of the hot set that it would find fresh, by the headers of its own entries.

Heat counts reads by names without a release, so what is hot for one is hot for the next. The keys are those of the
release that is judged, which need not be this process's.
"""

from collections.abc import Iterable, Sequence

from content.caching.edge.page import page_kind
from content.caching.edge.rules.variants import name_of_url
from content.caching.engine import Engine
from content.caching.headers import read_headers
from content.caching.key_decoder import decode_name
from content.warming.coverage import SETS, Share, is_fresh
from content.warming.hot_set import is_ours
from content.warming.targets import pages


async def judge_release(
    engine: Engine, hottest: Iterable[tuple[str, float]], release: str, kinds: Iterable[str]
) -> dict[str, Share] | None:
    """The fresh share of a release's hottest entries, for each set of `SETS`, by its digest and its kinds of keys.

    Names of resources that it does not have are left out. None if nothing can be said: the cache does not answer, or
    invalidations may have been missed.
    """
    keys = list_keys([name for name, _ in hottest], release, kinds)
    stored = await read_headers(engine.tiers, keys)
    if stored is None:
        return None
    now = engine.clock()
    fresh = [is_fresh(stored.get(key), now) for key in keys]
    return {name: Share(sum(fresh[:size]), len(fresh[:size])) for name, size in SETS.items()}


def list_keys(names: Sequence[str], release: str, kinds: Iterable[str]) -> list[str]:
    """The keys of entries by the names under which reads are counted, in that order."""
    by_name = {kind.partition("@")[0]: kind for kind in kinds} | {pages.name: page_kind(release)}
    keys = list[str]()
    for name in names:
        decoded = decode_name(name)
        kind = by_name.get(decoded[0]) if decoded is not None else None
        if decoded is None or kind is None:
            continue
        if decoded[0] != pages.name:
            keys.append(f"{kind}:{name.partition(':')[2]}")
        elif is_ours(decoded[1][0]):
            keys.append(f"{kind}:{name_of_url(decoded[1][0])}")
    return keys
