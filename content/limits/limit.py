from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings

from content.limits.meters import LocalMeter, shared_meter
from content.limits.rate import Rate, Verdict

UNKNOWN_CLIENT = "unknown"
# One household or one rented server gets a /64 of IPv6, and uses any address in it.
IPV6_PREFIX = 64

# Counts for all limits of this process while the cache is down.
local = LocalMeter()


class Limit:
    """A limit for each key: at most so often in any span of each rate's time (a sliding window log).

    name    one limit a name
    rates   one or more; a refusal by one of them counts for none
    cache   the Django cache alias whose server counts for all processes. Redis: exact. Memcached: by windows of the
            clock, twice the limit around their ends. Other caches, and a server that is down: each process counts
            for itself, within its bounded memory, and n processes allow n times as often

    It never raises an error of the cache, and does not wait for a server that is known to be down. The cache holds
    keyed digests of the keys, which expire.
    """

    def __init__(self, name: str, *rates: Rate, cache: str = "default") -> None:
        if not rates:
            raise ValueError("A limit has a rate or more.")
        self.name = name
        self.rates = rates
        self.cache = cache

    async def take(self, key: str) -> Verdict:
        """Count one for that key, if it is allowed."""
        digest, meter = self.digest_key(key), shared_meter(self.cache)
        verdict = await meter.take(digest, self.rates) if meter is not None else None
        return verdict or await local.take(digest, self.rates)

    def digest_key(self, key: str) -> str:
        """The key in the cache. A digest without a secret would reveal the key, because there are few addresses."""
        secret = blake2b(settings.SECRET_KEY.encode(), digest_size=32).digest()
        digest = blake2b(key.encode("utf-8", "surrogatepass"), key=secret, digest_size=16)
        return f"limit:{self.name}:{digest.hexdigest()}"


def client_network(address: str) -> str:
    """The network that one client has: an IPv4 address (also one written as IPv6), or the /64 of an IPv6 address.

    All clients with an unreadable address share one name.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN_CLIENT
    plain: IPv4Address | IPv6Address = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(plain) if plain.version == 4 else str(ip_network((plain, IPV6_PREFIX), strict=False))
