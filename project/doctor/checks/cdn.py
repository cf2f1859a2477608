"""The CDN in front: it answers, and its token may purge. Nothing is purged."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from content.cdn.providers import Cloudflare, Fastly
from project.doctor.finding import Finding, error, ok, skipped

SECONDS = 4.0
PURGING = {"global", "purge_select"}
MEANS = "Its copies end by their lifetime alone: readers see old pages for up to 5 minutes."


def check_cdn() -> Iterator[Finding]:
    if not settings.CDN_URL:
        yield skipped("No CDN is configured.")
        return
    parts = urlsplit(settings.CDN_URL)
    check = {"varnish": check_varnish, "fastly": check_fastly, "cloudflare": check_cloudflare}[parts.scheme]
    yield from check(parts.netloc)


def check_varnish(addresses: str) -> Iterator[Finding]:
    """Each server answers. It shows who may purge only when somebody does."""
    for address in addresses.split(","):
        try:
            response = httpx.head(f"http://{address}/healthz", timeout=SECONDS)
        except (httpx.HTTPError, OSError) as failure:
            yield unreachable(f"Varnish at {address}", failure)
        else:
            yield ok(f"Varnish at {address} answers {response.status_code}.")


def check_fastly(service: str) -> Iterator[Finding]:
    found = ask(f"{Fastly.URL}/tokens/self", {"fastly-key": settings.CDN_TOKEN})
    if isinstance(found, Finding):
        yield found
    elif not PURGING.intersection(str(found.get("scope", "")).split()):
        yield refusal(f"The token of Fastly has the scope {found.get('scope')!r}, and not purge_select.")
    elif found.get("services") and service not in found["services"]:
        yield refusal(f"The token of Fastly is not for the service {service}.")
    else:
        yield ok("Fastly answers, and the token may purge.")


def check_cloudflare(zone: str) -> Iterator[Finding]:
    found = ask(f"{Cloudflare.URL}/user/tokens/verify", {"authorization": f"Bearer {settings.CDN_TOKEN}"})
    if isinstance(found, Finding):
        yield found
    elif not isinstance(found.get("result"), dict) or found["result"].get("status") != "active":
        yield refusal("The token of Cloudflare is not active.")
    else:
        yield ok("Cloudflare answers, and the token is active. Whether it may purge only a purge shows.")


def ask(url: str, headers: dict[str, str]) -> dict[str, Any] | Finding:
    """The JSON object of the answer, or what is wrong."""
    name = str(urlsplit(url).hostname)
    try:
        response = httpx.get(url, headers=headers, timeout=SECONDS)
        content = response.json() if response.is_success else {}
    except (httpx.HTTPError, OSError, ValueError) as failure:
        return unreachable(name, failure)
    if not response.is_success or not isinstance(content, dict):
        return refusal(f"{name} answers {response.status_code} to the token.")
    return content


def unreachable(name: str, failure: Exception) -> Finding:
    return error(f"{name} does not answer ({type(failure).__name__}).", MEANS, "Check EVERGREEN_CDN and the network.")


def refusal(what: str) -> Finding:
    return error(what, MEANS, "Make a token with the right to purge this site, and set EVERGREEN_CDN_TOKEN.")
