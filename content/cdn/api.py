"""Requests to a CDN, and what its answers mean. No token is in what is raised, and httpx logs none."""

import time
from typing import Any

import httpx

from content.caching.edge.rules.fields import parse_date
from content.cdn.cdn import NotPurged

SECONDS = 10.0
# However long a CDN wants to be left alone, it is asked again after this.
LONGEST_RETRY = 300.0
# What may be right at another time, or with another token.
PASSING = frozenset({401, 403, 404, 405, 408, 425, 429})


class Api:
    """One client, of the event loop that first uses it."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None) -> None:
        self.base_url = base_url
        self.client = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=SECONDS)

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises NotPurged for any answer but 2xx, and for none."""
        try:
            response = await self.client.request(method, path, **options)
        except (httpx.HTTPError, OSError) as error:
            raise NotPurged(f"{self.base_url} does not answer: {type(error).__name__}") from None
        if not response.is_success:
            status = response.status_code
            raise NotPurged(
                f"{self.base_url} answers {status}",
                retry_after=retry_after(response),
                is_refused=400 <= status < 500 and status not in PASSING,
            )
        return response

    async def close(self) -> None:
        await self.client.aclose()


def retry_after(response: httpx.Response) -> float:
    """Seconds, or a date (RFC 9110, section 10.2.3); 0 for what is neither."""
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:10]), LONGEST_RETRY)
    at = parse_date(said)
    return min(max(0.0, at - time.time()), LONGEST_RETRY) if at is not None else 0.0
