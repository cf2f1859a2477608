"""EVERGREEN_CDN: what it may be, and what it needs."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError

from project.caches import REDIS

PLACE = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
URL = re.compile(rf"varnish://{PLACE}(,{PLACE})*|(fastly|cloudflare)://[A-Za-z0-9_-]+")
WITH_TOKEN = ("fastly", "cloudflare")


def check_cdn(url: str) -> None:
    """What is wrong may be a token in the wrong place, so it is not repeated."""
    if url and not URL.fullmatch(url):
        raise ValidationError("it is varnish://host:port, fastly://<service id> or cloudflare://<zone id>.")


def check_cdn_fits(url: str, *, token: str, cache: dict[str, Any]) -> None:
    if urlsplit(url).scheme in WITH_TOKEN and not token:
        raise ImproperlyConfigured("EVERGREEN_CDN_TOKEN is empty: without it this CDN takes no purge.")
    if url and cache["BACKEND"] != REDIS and not cache["OPTIONS"].get("LOG"):
        raise ImproperlyConfigured("EVERGREEN_CDN needs the invalidation log, so a Redis: REDIS_URL names it.")
