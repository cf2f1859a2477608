"""The releases that use this Redis: their processes, their loops, and how warm each of them is."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass

from django.core.cache import caches

from content.caching.engines import engine_of
from content.caching.headers import wait_until_heard
from content.caching.metrics.process import Process
from content.caching.metrics.reports import reporting
from content.caching.release import release_digest, release_name
from content.caching.release_registry import NO_RELEASE, Announced, own_kinds, registries
from content.warming.coverage import SETS, Share
from content.warming.hot_set import MOST, read_hottest
from content.warming.release_coverage import judge_release
from content.warming.state import ALIAS, WarmState, read_state

DIGEST = re.compile(r"[a-z2-7]{8}")
# Characters of a release's name.
LONGEST_NAME = 200
# Releases that are shown: this one, and those that were announced last.
MOST_SHOWN = 10


class NoReleases(Exception):
    """Releases are known only where processes share a Redis."""


@dataclass(frozen=True)
class ReleaseStatus:
    """One release. `digest`: as keys carry it, "" for none. `seconds`: since it was announced, None if it was not.

    `servers` are its processes that serve readers, `others` its workers and commands. `coverage`: of the hottest
    entries, by set; None if nothing can be said.
    """

    digest: str
    name: str
    is_own: bool
    seconds: float | None
    servers: int
    others: int
    loop: WarmState | None
    coverage: dict[str, Share] | None


async def read_releases() -> list[ReleaseStatus]:
    """This release first, then the others, the last announced before older ones.

    Raises NoReleases, RedisError or OSError.
    """
    engine = engine_of(ALIAS)
    await wait_until_heard(engine.tiers)
    processes = Counter((each.release, each.has_readers) for each in await read_processes())
    hottest, now = await read_hottest(MOST), time.time()
    return [
        ReleaseStatus(
            digest=digest,
            name=each.name,
            is_own=digest == release_digest(),
            seconds=max(0.0, now - each.at) if each.at else None,
            servers=processes[digest, True],
            others=processes[digest, False],
            loop=await read_state(digest),
            coverage=await judge_release(engine, hottest, digest, each.kinds),
        )
        for digest, each in (await read_announced()).items()
    ]


async def read_announced() -> dict[str, Announced]:
    """The releases by digest, this one first, then the last announced. Raises NoReleases, RedisError or OSError."""
    engine_of(ALIAS)
    registry = registries.get(caches[ALIAS].key_prefix or "cache")
    if registry is None:
        raise NoReleases
    own = release_digest()
    stored = await asyncio.to_thread(registry.read)
    known = {"" if digest == NO_RELEASE else digest: each for digest, each in stored.items() if is_ours(digest, each)}
    mine = Announced(known[own].at if own in known else 0.0, own_kinds(), release_name())
    others = sorted(known.keys() - {own}, key=lambda digest: -known[digest].at)
    return {own: mine} | {digest: known[digest] for digest in others[: MOST_SHOWN - 1]}


def is_ours(digest: str, each: Announced) -> bool:
    """False for what another program wrote, which nobody shall see in a terminal."""
    is_digest = digest == NO_RELEASE or DIGEST.fullmatch(digest) is not None
    return is_digest and each.name.isprintable() and len(each.name) <= LONGEST_NAME


async def read_processes() -> tuple[Process, ...]:
    """The processes that report. Raises NoReleases, RedisError or OSError."""
    engine_of(ALIAS)
    if reporting.reporter is None:
        raise NoReleases
    return (await asyncio.to_thread(reporting.reporter.report)).processes


async def read_own_share(name: str) -> Share | None:
    """The fresh share of a set of this release; None if nothing can be said. Raises RedisError or OSError."""
    shares = await judge_release(engine_of(ALIAS), await read_hottest(SETS[name]), release_digest(), own_kinds())
    return shares[name] if shares is not None else None
