"""The release of this process: one version of code, templates and static files. Keys of pages and fragments carry it.

Two releases on one cache never read each other's pages. Tags carry no release, so a purge reaches all of them.
"""

import base64
import hashlib
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

# Characters of a digest, in base32: five bytes. Two of a thousand releases share one in one of two million cases.
_DIGEST_LENGTH = 8


def digest_of(text: str) -> str:
    """A short digest for keys: 8 characters a-z and 2-7, the same in every process."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest)[:_DIGEST_LENGTH].decode("ascii").lower()


@cache
def release_name() -> str:
    """The setting CACHE_RELEASE: text, or a function that returns it. Empty if there is none, as without Django."""
    try:
        release = getattr(settings, "CACHE_RELEASE", "")
    except ImproperlyConfigured:
        # An edge before another application than Django's has no settings.
        return ""
    return str(release() if callable(release) else release)


@cache
def release_digest() -> str:
    """The release as keys carry it. Empty if there is none."""
    name = release_name()
    return digest_of(name) if name else ""


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "CACHE_RELEASE":
        release_name.cache_clear()
        release_digest.cache_clear()


setting_changed.connect(_forget, dispatch_uid="content.caching.release")
