"""Evergreen's caching engine: declared resources, each read from cache and computed at need.

from datetime import timedelta
from . import Policy, Resource

async def load_price(sku: str) -> Price: ...

price = Resource("price", load=load_price, policy=Policy(ttl=timedelta(minutes=5)),
                 tags=lambda sku: (f"product:{sku}",))

await price.get("A-100")                 # from cache, else loaded once and stored
await invalidate(["product:A-100"])      # what was loaded before this is never served again
"""

from .errors import CacheError, NotModified, NotThere
from .invalidation import expire, expire_sync, invalidate, invalidate_sync
from .loader_call import previous
from .policy import FREQUENT, MODERATE, RARE, STATIC, VOLATILE, Policy
from .resource import Resource

__all__ = [
    "FREQUENT",
    "MODERATE",
    "RARE",
    "STATIC",
    "VOLATILE",
    "CacheError",
    "NotModified",
    "NotThere",
    "Policy",
    "Resource",
    "expire",
    "expire_sync",
    "invalidate",
    "invalidate_sync",
    "previous",
]
