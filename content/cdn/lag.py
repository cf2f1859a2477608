"""How far the CDN is behind."""

from redis.exceptions import RedisError

from content.caching.entry import NOWHERE
from content.caching.ordering.stream import format_position
from content.cdn.of_site import stream_and_place
from content.cdn.place import mark_of


def lag() -> float | None:
    """Seconds since the oldest record of which the CDN has not confirmed both purges, by the clock of Redis; 0 if
    there is none. None without a CDN, or while Redis is away."""
    found = stream_and_place()
    if found is None:
        return None
    log, place = found
    try:
        with place.server.sync_client() as client:
            stored = client.get(place.mark)
            mark = mark_of(stored) if stored else None
            after = format_position(mark.position if mark is not None else NOWHERE)
            waiting = client.xrange(log.stream, min=f"({after}", count=1)
            seconds, microseconds = client.time()
    except (RedisError, OSError):
        return None
    if not waiting:
        return 0.0
    written_at = int(waiting[0][0].partition(b"-")[0]) / 1000
    return max(0.0, float(seconds + microseconds / 1e6 - written_at))
