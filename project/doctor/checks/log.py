"""The invalidation log, and the releases that announce themselves beside it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.engines import log_server
from content.caching.errors import Unreadable
from content.caching.old_releases import LIVES
from content.caching.ordering.stream import LogStream, parse_position
from content.caching.release import release_digest
from content.caching.release_registry import ReleaseRegistry, parse_announced
from project.doctor.finding import Finding, error, ok, skipped, warning

NO_LOG = "The cache has no log: its tags are counters, or it is the process's own."
NO_ANSWER = "The Redis of the log does not answer; the finding of the category redis says why."


def prefix() -> str:
    return caches["default"].key_prefix or "cache"


def check_log() -> Iterator[Finding]:
    """The stream, the nonce of its epoch, and the time of its last record."""
    server = log_server("default")
    if server is None:
        yield skipped(NO_LOG)
        return
    log = LogStream(server, prefix())
    try:
        nonce, records = log.connect().get(log.keys[1]), log.connect().xlen(log.stream)
        newest = log.connect().xrevrange(log.stream, count=1)
    except (RedisError, OSError) as failure:
        yield (
            skipped(NO_ANSWER)
            if "WRONGTYPE" not in str(failure)
            else error(
                f"A key of the log has another type ({failure}).",
                "Another program writes to the keys of this site: no entry is fresh.",
                "Give the site a Redis database or EVERGREEN_CACHE_PREFIX of its own.",
            )
        )
        return
    finally:
        log.close()
    if nonce is None or not newest:
        yield warning(
            "The log is empty.",
            "No process has followed it since Redis was emptied: every cached entry is loaded again once.",
            "Nothing, if the site is new or stopped. Else check that all processes have the same REDIS_URL.",
        )
        return
    at = datetime.fromtimestamp(parse_position(newest[0][0])[0] / 1000, UTC)
    yield ok(f"The log has {records:,} records; the newest is of {at:%Y-%m-%d %H:%M:%S} UTC.")


def check_releases() -> Iterator[Finding]:
    """The releases that have announced themselves within the last minutes."""
    server = log_server("default")
    if server is None:
        yield skipped(NO_LOG)
        return
    living = read_living_releases()
    if living is None:
        yield skipped(NO_ANSWER)
        return
    if len(living) > 1:
        yield warning(
            f"{len(living)} releases serve: {', '.join(living)}.",
            "A roll-out is not finished, or a process was forgotten. Each release warms its own pages.",
            "Finish the roll-out before the next upgrade, and before `manage.py contract`.",
        )
    elif living:
        own = "this one" if release_digest() in living else "not this one"
        yield ok(f"One release serves: {living[0]}, {own}.")
    else:
        yield ok("No process serves.")


def read_living_releases() -> list[str] | None:
    """The digests of the releases that have announced themselves lately; None if Redis does not say."""
    server = log_server("default")
    if server is None:
        return None
    try:
        with server.sync_client() as client:
            found = client.hgetall(ReleaseRegistry(server, prefix()).key)
    except (RedisError, OSError):
        return None
    return sorted(living_releases(found))


def living_releases(found: dict[bytes, bytes]) -> Iterator[str]:
    for digest, content in found.items():
        try:
            announced = parse_announced(content)
        except Unreadable:
            continue
        if announced.at > time.time() - LIVES:
            yield digest.decode("ascii", "replace")
