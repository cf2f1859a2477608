"""Where the site keeps what its CDN was told."""

import hashlib

from django.conf import settings
from django.core.cache import caches

from content.caching.engines import log_server
from content.caching.ordering.stream import LogStream
from content.cdn.place import Place

ALIAS = "default"
# Seconds after which a follower that has died is followed by another.
LEASE = 15.0


def stream_and_place() -> tuple[LogStream, Place] | None:
    """The log, and the place beside it; None without a CDN or a log."""
    server = log_server(ALIAS)
    if server is None or not settings.CDN_URL:
        return None
    prefix = caches[ALIAS].key_prefix or "cache"
    name = hashlib.blake2b(settings.CDN_URL.encode(), digest_size=8).hexdigest()
    return LogStream(server, prefix), Place(server, prefix, name, lease=LEASE)
