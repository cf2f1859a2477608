"""Absolute URLs of this site, for feeds, sitemaps and metadata."""

from functools import lru_cache
from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import iri_to_uri


def absolute_url(request: HttpRequest, path: str) -> str:
    """Return the path with scheme and host. A URL that has a host of its own stays as it is.

    Scheme and host are the request's, which the edge's key holds too, unless EVERGREEN_BASE_URL is set. Raises
    DisallowedHost, as the request does, for an unknown host.
    """
    return join_url(site_root(request), path)


@lru_cache(maxsize=4096)
def join_url(root: str, path: str) -> str:
    """Remembered: feeds and sitemaps have the same addresses again and again."""
    return urljoin(f"{root}/", iri_to_uri(path))


def site_root(request: HttpRequest) -> str:
    """`https://example.org`, without a slash at its end."""
    return settings.BASE_URL or f"{request.scheme}://{request.get_host()}"
