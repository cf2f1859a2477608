"""EVERGREEN_CDN: what it may be, and what it needs."""

import re
from typing import Any
from urllib.parse import urlsplit

from project.caches import REDIS
from project.wrong_settings import WrongSettings

PLACE = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
URL = re.compile(rf"varnish://{PLACE}(,{PLACE})*|(fastly|cloudflare)://[A-Za-z0-9_-]+")
WITH_TOKEN = ("fastly", "cloudflare")


def check_cdn(url: str) -> str:
    """Raises ValueError."""
    if not URL.fullmatch(url):
        raise ValueError("varnish://host:port, fastly://<service id> or cloudflare://<zone id>")
    return url


def check_cdn_fits(url: str, *, token: str, cache: dict[str, Any]) -> None:
    if urlsplit(url).scheme in WITH_TOKEN and not token:
        raise WrongSettings(["EVERGREEN_CDN_TOKEN is empty. Allowed: a token that may purge this CDN."])
    if url and cache["BACKEND"] != REDIS and not cache["OPTIONS"].get("LOG"):
        raise WrongSettings(["EVERGREEN_CDN needs the invalidation log, which is in a Redis. Set REDIS_URL too."])
