from hashlib import blake2b

from django.conf import settings

from content.limits.local import LocalMeter
from content.limits.rate import Rate
from content.limits.shared import shared_meter
from content.limits.verdict import Verdict

# Of this process, for all limits.
local = LocalMeter()


class Limit:
    """How often one key may be taken: at most so often in any span of each rate's time (a sliding window log).

    name    one limit a name
    rates   one or more; what one of them refuses is taken from none
    cache   the Django cache alias whose server counts for all processes. Redis: exact. Memcached: by windows of the
            clock, twice the limit around their ends. Others, and while the server is away: each process counts for
            itself, exactly (so far as its bounded memory goes), and n processes allow n times as often

    Never raises for a cache that fails, nor waits for one that is known to be away. Keys are stored as keyed digests
    alone, and end by themselves.
    """

    def __init__(self, name: str, *rates: Rate, cache: str = "default") -> None:
        if not rates:
            raise ValueError("A limit has a rate or more.")
        self.name = name
        self.rates = rates
        self.cache = cache

    async def take(self, key: str) -> Verdict:
        """One for that key, if it is allowed."""
        stored, meter = self.stored_key(key), shared_meter(self.cache)
        verdict = await meter.take(stored, self.rates) if meter is not None else None
        return verdict or await local.take(stored, self.rates)

    def stored_key(self, key: str) -> str:
        """Nobody who reads the cache learns whom it speaks of: addresses are few, so the digest has a key too."""
        secret = blake2b(settings.SECRET_KEY.encode(), digest_size=32).digest()
        digest = blake2b(key.encode("utf-8", "surrogatepass"), key=secret, digest_size=16)
        return f"limit:{self.name}:{digest.hexdigest()}"
