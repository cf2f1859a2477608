"""The origins of this site: scheme, host and port of the addresses that readers use.

Pages are stored by their whole address, so warming has to know the origins. They are set by EVERGREEN_BASE_URL or
EVERGREEN_WARM_ORIGINS. Without these settings they are those that the running servers have recorded in Redis.
"""

import logging
import re
import time
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import caches
from django.http.request import split_domain_port, validate_host
from redis.exceptions import RedisError, ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.backends.connection import connection_to
from content.caching.engines import log_server

logger = logging.getLogger(__name__)

MOST_ORIGINS = 8
# Seconds for which a recorded origin is believed, and after which a server that lives records it again.
LIFETIME, RENEW_EVERY = 3600.0, 600.0
ORIGIN = re.compile(r"(https?)://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?")
# A server that listens on these can be reached by any name.
UNSPECIFIED = ("0.0.0.0", "[::]")  # noqa: S104 - nothing is bound here
DEFAULT_PORTS = {"http": "80", "https": "443"}
UNKNOWN = (
    "No page was warmed: the addresses that readers use are not known, so their first requests are misses. Start the "
    "site (its servers record their addresses in Redis), or set EVERGREEN_BASE_URL or EVERGREEN_WARM_ORIGINS, as in "
    "https://example.org."
)


def parse_origin(text: str) -> str | None:
    """The origin in its usual form, without a default port; None for one that this site does not serve."""
    match = ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host, port = match.groups()
    if port is not None and int(port) > 65535:
        return None
    if host in UNSPECIFIED or not validate_host(host, settings.ALLOWED_HOSTS) or split_domain_port(host)[0] != host:
        return None
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


async def origins_of_site() -> list[str]:
    """The origins for which pages are warmed: those that are set, else those that servers have recorded."""
    return list(settings.WARM_ORIGINS) or await load_origins()


async def load_origins() -> list[str]:
    """The recorded origins that this site serves, the newest first. Empty when Redis is down."""
    server = log_server("default")
    if server is None:
        return []
    now, most = time.time(), ("LIMIT", 0, MOST_ORIGINS)
    try:
        stored = await connection_to(server).execute("ZREVRANGEBYSCORE", key(), now + LIFETIME, now - LIFETIME, *most)
    except (RedisError, OSError) as error:
        logger.warning("Cannot read the recorded origins from Redis (%s). No page is warmed for them.", error)
        return []
    texts = (each.decode("ascii", "replace") for each in stored if isinstance(each, bytes))
    return list(dict.fromkeys(filter(None, map(parse_origin, texts))))


async def record_origins(origins: Iterable[str]) -> bool:
    """Record them for LIFETIME seconds; the oldest past MOST_ORIGINS are dropped. False when Redis is down."""
    server, now = log_server("default"), time.time()
    pairs = [part for origin in origins for part in (now, origin)]
    if server is None or not pairs:
        return False
    execute = connection_to(server).execute
    try:
        try:
            await execute("ZADD", key(), *pairs)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            # Something else wrote there. Left alone, it would keep pages from being warmed.
            await execute("UNLINK", key())
            await execute("ZADD", key(), *pairs)
        await execute("ZREMRANGEBYSCORE", key(), "-inf", now - LIFETIME)
        await execute("ZREMRANGEBYSCORE", key(), now + LIFETIME, "+inf")
        await execute("ZREMRANGEBYRANK", key(), 0, -MOST_ORIGINS - 1)
        await execute("PEXPIRE", key(), int(LIFETIME * 1000))
    except (RedisError, OSError) as error:
        logger.info("Cannot record the origins of this server in Redis; retrying: %s", error)
        return False
    return True


def key() -> str:
    return f"{{{caches['default'].key_prefix or 'cache'}:origins}}"
