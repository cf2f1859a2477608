"""Fastly, by surrogate keys: https://www.fastly.com/documentation/reference/api/purging/"""

from collections.abc import Iterable

from content.caching.edge.cdn_headers import encode_tag
from content.cdn.api import Api
from content.cdn.batches import batches

# Keys in one request.
MOST, LONGEST = 256, 64 * 1024
API = "https://api.fastly.com"


class Fastly:
    def __init__(self, service: str, token: str, api: str = API) -> None:
        self.path = f"/service/{service}"
        self.api = Api(api, {"fastly-key": token, "accept": "application/json"})

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        headers = {"fastly-soft-purge": "1"} if soft else {}
        for batch in batches(map(encode_tag, tags), most=MOST, longest=LONGEST):
            await self.api.ask("POST", f"{self.path}/purge", json={"surrogate_keys": batch}, headers=headers)

    async def purge_all(self) -> None:
        await self.api.ask("POST", f"{self.path}/purge_all")

    async def close(self) -> None:
        await self.api.close()
