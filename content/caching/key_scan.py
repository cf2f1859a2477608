"""The keys of all stored entries, found by a scan of Redis in small steps, between which it answers others."""

from collections.abc import Iterator

from .backends import RedisCache

# Keys of one step.
STEP = 500


def scan_keys(cache: RedisCache) -> Iterator[tuple[bytes, str]]:
    """Each key as Redis has it, and as the engine names it; one may come twice. Raises RedisError or OSError."""
    start = cache.make_key("")
    with cache.servers[0].sync_client() as client:
        for key in client.scan_iter(match=f"{_escape(start)}*", count=STEP):
            yield key, key.decode("utf-8", "replace").removeprefix(start)


def _escape(text: str) -> str:
    """Escape what MATCH would take for a pattern."""
    return "".join(f"\\{each}" if each in "*?[]\\^" else each for each in text)
