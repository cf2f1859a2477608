"""Cloudflare, by cache tags: https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/"""

from collections.abc import Iterable
from typing import Any

import msgspec

from content.caching.edge.cdn_headers import encode_tag
from content.cdn.api import Api
from content.cdn.batches import batches
from content.cdn.cdn import NotPurged

# Tags in one request.
MOST, LONGEST = 100, 64 * 1024
API = "https://api.cloudflare.com/client/v4"


class Cloudflare:
    """Has no soft purge: what would be stale is gone."""

    def __init__(self, zone: str, token: str, api: str = API) -> None:
        self.path = f"/zones/{zone}/purge_cache"
        self.api = Api(api, {"authorization": f"Bearer {token}"})

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        for batch in batches(map(encode_tag, tags), most=MOST, longest=LONGEST):
            await self.told({"tags": batch})

    async def purge_all(self) -> None:
        await self.told({"purge_everything": True})

    async def told(self, what: dict[str, Any]) -> None:
        response = await self.api.ask("POST", self.path, json=what)
        if not has_succeeded(response.content):
            raise NotPurged(f"{self.api.base_url} answers {response.status_code} without success")

    async def close(self) -> None:
        await self.api.close()


def has_succeeded(body: bytes) -> bool:
    """Its envelope says so, whatever the status."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return False
    return isinstance(said, dict) and said.get("success") is True
