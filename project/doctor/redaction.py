"""Takes secrets out of text before anything is written: known ones by their value, others by their form."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

from project.doctor.finding import Finding

HIDDEN = "***"
# Shorter values are words: to hide "redis" would hide the findings.
SHORTEST = 6
LOGIN = re.compile(r"(?<=://)[^/\s'\"]*@")
# The forms in which libpq and HTTP clients print them.
NAMED = re.compile(
    r"(?i)\b(password|passwd|secret|token|authorization|api[-_]?key|dsn)(['\"]?\s*[=:]\s*)['\"]?[^\s,;'\"]+"
)
# Settings with a secret or a URL that may have one.
SECRET_NAMES = ("SECRET_KEY", "CDN_TOKEN", "EMAIL_HOST_PASSWORD")
URL_NAMES = ("REDIS_URL", "CACHE_URL", "SESSIONS_URL", "CELERY_BROKER_URL", "CHANNELS_URL", "SENTRY_DSN")


def list_secrets() -> set[str]:
    """The values of the settings that no text may contain."""
    values = {str(getattr(settings, name, "")) for name in SECRET_NAMES}
    values.update(getattr(settings, "SECRET_KEY_FALLBACKS", ()))
    values.update(str(database.get("PASSWORD", "")) for database in settings.DATABASES.values())
    for url in urls_of_settings():
        values.update(secrets_of_url(url))
    return {value for value in values if len(value) >= SHORTEST}


def urls_of_settings() -> Iterator[str]:
    yield from (str(getattr(settings, name, "")) for name in URL_NAMES)
    for cache in settings.CACHES.values():
        for value in (cache.get("LOCATION"), (cache.get("OPTIONS") or {}).get("LOG")):
            yield from value if isinstance(value, list) else [str(value or "")]


def secrets_of_url(url: str) -> Iterator[str]:
    """The password before the host, as written and decoded, and values of the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    login = parts.netloc.rpartition("@")[0]
    password = login.rpartition(":")[2]
    yield from (password, unquote(password))
    yield from (value for name, value in parse_qsl(parts.query) if "pass" in name.lower())


def redact(text: str, secrets: set[str]) -> str:
    # The longest first: one secret may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return NAMED.sub(rf"\1\2{HIDDEN}", LOGIN.sub(f"{HIDDEN}@", text))


def redact_finding(finding: Finding, secrets: set[str]) -> Finding:
    texts: dict[str, Any] = {name: redact(getattr(finding, name), secrets) for name in ("what", "means", "do")}
    return replace(finding, **texts)
