"""Whole addresses of this site, as feeds, sitemaps and metadata want them."""

from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import iri_to_uri


def absolute(request: HttpRequest, path: str) -> str:
    """The address of that path, with scheme and host; an address that has a host of its own stays as it is.

    They are the request's own, which the edge's key holds as well, unless EVERGREEN_BASE_URL names others. Raises
    DisallowedHost, as the request does, for a host that is not ours.
    """
    return urljoin(f"{root(request)}/", iri_to_uri(path))


def root(request: HttpRequest) -> str:
    """`https://example.org`, without a slash at its end."""
    return settings.BASE_URL or f"{request.scheme}://{request.get_host()}"
