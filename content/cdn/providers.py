"""The CDNs that the site can purge: Varnish, Fastly and Cloudflare."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from content.caching.edge.cdn_headers import encode_tag
from content.caching.edge.page_store import KIND
from content.caching.edge.rules.fields import parse_date
from content.caching.errors import Unreadable
from content.caching.key import resource_tag
from content.caching.serializer import decode
from content.cdn.cdn import Cdn, NotPurged

TIMEOUT = 10.0
LONGEST_RETRY = 300.0
# Statuses that may change with time, or with another token.
TEMPORARY = frozenset({401, 403, 404, 405, 408, 425, 429})


def open_cdn(url: str, token: str) -> Cdn:
    """The CDN of EVERGREEN_CDN. Call it in the event loop that uses the CDN."""
    parts = urlsplit(url)
    match parts.scheme:
        case "varnish":
            return Varnish(parts.netloc.split(","))
        case "fastly":
            return Fastly(parts.netloc, token)
        case "cloudflare":
            return Cloudflare(parts.netloc, token)
    raise ValueError(f"There is no CDN named {parts.scheme!r}.")


class Varnish:
    """Varnish with vmod_xkey and the VCL in docs/cdn.md. Each of `addresses` (host:port) must confirm a purge."""

    # A header line may have 8 kB (http_req_hdr_len).
    MAX_TAGS, MAX_BYTES = 1000, 4000
    purges_softly = True
    early_repeat: float | None = 0.1

    def __init__(self, addresses: Sequence[str]) -> None:
        self.clients = [ApiClient(f"http://{address}") for address in addresses]

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        field = "xkey-softpurge" if soft else "xkey-purge"
        for batch in split_tags(tags, most=self.MAX_TAGS, longest=self.MAX_BYTES):
            headers = {field: " ".join(batch)}
            requests = [client.send("PURGE", "/", headers=headers) for client in self.clients]
            # With return_exceptions, each server gets the purge even if another one is down.
            for result in await asyncio.gather(*requests, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result

    async def purge_all(self) -> None:
        """Every page with tags has this one."""
        await self.purge([resource_tag(KIND.name)], soft=False)

    async def close(self) -> None:
        for client in self.clients:
            await client.close()


class Fastly:
    """Surrogate keys: https://www.fastly.com/documentation/reference/api/purging/"""

    MAX_TAGS, MAX_BYTES = 256, 64 * 1024
    URL = "https://api.fastly.com"
    purges_softly = True
    early_repeat: float | None = None

    def __init__(self, service: str, token: str, url: str = URL) -> None:
        self.path = f"/service/{service}"
        self.client = ApiClient(url, {"fastly-key": token, "accept": "application/json"})

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        headers = {"fastly-soft-purge": "1"} if soft else {}
        for batch in split_tags(tags, most=self.MAX_TAGS, longest=self.MAX_BYTES):
            await self.client.send("POST", f"{self.path}/purge", json={"surrogate_keys": batch}, headers=headers)

    async def purge_all(self) -> None:
        await self.client.send("POST", f"{self.path}/purge_all")

    async def close(self) -> None:
        await self.client.close()


class Cloudflare:
    """Cache tags: https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/

    Cloudflare has no soft purge: it drops the page.
    """

    MAX_TAGS, MAX_BYTES = 100, 64 * 1024
    URL = "https://api.cloudflare.com/client/v4"
    purges_softly = False
    early_repeat: float | None = None

    def __init__(self, zone: str, token: str, url: str = URL) -> None:
        self.path = f"/zones/{zone}/purge_cache"
        self.client = ApiClient(url, {"authorization": f"Bearer {token}"})

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        for batch in split_tags(tags, most=self.MAX_TAGS, longest=self.MAX_BYTES):
            await self.send({"tags": batch})

    async def purge_all(self) -> None:
        await self.send({"purge_everything": True})

    async def send(self, body: dict[str, Any]) -> None:
        response = await self.client.send("POST", self.path, json=body)
        if not has_succeeded(response.content):
            raise NotPurged(f"{self.client.base_url} answers {response.status_code} without success")

    async def close(self) -> None:
        await self.client.close()


def has_succeeded(body: bytes) -> bool:
    """Whether the body reports success. Its status may be 200 even if the purge failed."""
    try:
        envelope = decode(msgspec.json.decode, body)
    except Unreadable:
        return False
    return isinstance(envelope, dict) and envelope.get("success") is True


class ApiClient:
    """An HTTP client of one CDN, for the event loop that first uses it. No token is in what it raises or logs."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None) -> None:
        self.base_url = base_url
        self.http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=TIMEOUT)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises NotPurged without a response, and for any status but 2xx."""
        try:
            response = await self.http.request(method, path, **options)
        except (httpx.HTTPError, OSError) as error:
            raise NotPurged(f"{self.base_url} does not answer: {type(error).__name__}") from None
        if not response.is_success:
            status = response.status_code
            raise NotPurged(
                f"{self.base_url} answers {status}",
                retry_after=parse_retry_after(response),
                is_refused=400 <= status < 500 and status not in TEMPORARY,
            )
        return response

    async def close(self) -> None:
        await self.http.aclose()


def parse_retry_after(response: httpx.Response) -> float:
    """Retry-After in seconds, at most LONGEST_RETRY (RFC 9110, section 10.2.3); 0 if it is missing or malformed."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:10]), LONGEST_RETRY)
    date = parse_date(value)
    return min(max(0.0, date - time.time()), LONGEST_RETRY) if date is not None else 0.0


def split_tags(tags: Iterable[str], *, most: int, longest: int) -> Iterator[list[str]]:
    """Encoded tags in batches: at most `most` tags, and `longest` bytes with a separator between them."""
    batch: list[str] = []
    length = 0
    for tag in map(encode_tag, tags):
        if batch and (len(batch) == most or length + len(tag) + 1 > longest):
            yield batch
            batch, length = [], 0
        batch.append(tag)
        length += len(tag) + 1
    if batch:
        yield batch
