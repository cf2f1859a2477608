"""Varnish with vmod_xkey, and the VCL in docs/cdn.md: PURGE with the tags in a field."""

import asyncio
from collections.abc import Iterable, Sequence

from content.caching.edge.cdn_headers import encode_tag
from content.caching.edge.page_store import KIND
from content.caching.key import resource_tag
from content.cdn.api import Api
from content.cdn.batches import batches

# A line of a head is 8 kB at most (http_req_hdr_len).
MOST, LONGEST = 1000, 4000


class Varnish:
    """`variant_keys`: host:port of each; what one of them does not confirm is not confirmed."""

    def __init__(self, places: Sequence[str]) -> None:
        self.apis = [Api(f"http://{place}") for place in places]

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        field = "xkey-softpurge" if soft else "xkey-purge"
        for batch in batches(map(encode_tag, tags), most=MOST, longest=LONGEST):
            headers = {field: " ".join(batch)}
            asked = [api.ask("PURGE", "/", headers=headers) for api in self.apis]
            # One that is away keeps no other from its purge.
            for answer in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer

    async def purge_all(self) -> None:
        """All that came with tags: there is none without this one."""
        await self.purge([resource_tag(KIND.name)], soft=False)

    async def close(self) -> None:
        for api in self.apis:
            await api.close()
