"""What a write to a URL ends (RFC 9111, section 4.4)."""

from urllib.parse import urljoin, urlsplit

from ..request import Request
from .fields import Fields


def urls_invalidated_by(request: Request, status: int, response: Fields) -> list[str]:
    """That of the request, and those that the response names on the same origin; nothing for an error."""
    if request.is_safe or not 200 <= status < 400:
        return []
    named = [response.first(name) for name in (b"location", b"content-location")]
    return [request.url, *(url for text in named if text and (url := _same_origin_url(request, text)))]


def _same_origin_url(request: Request, reference: str) -> str | None:
    try:
        url = urljoin(request.url, reference)
        there, here = urlsplit(url), urlsplit(request.url)
    except ValueError:
        return None
    if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
        return None
    return there._replace(netloc=here.netloc, fragment="").geturl()
