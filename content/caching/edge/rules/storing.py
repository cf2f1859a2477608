"""Decide whether a response may be stored, and which URLs a write invalidates (RFC 9111, sections 3 and 4.4)."""

from urllib.parse import urljoin, urlsplit

from ..profile import Profile
from ..request import Request
from .directives import AT_MOST, Directives
from .fields import Fields
from .freshness import HEURISTIC
from .variants import vary_of

# Directives that allow storing a response to a request with Authorization (section 3.5).
_ALLOW_AUTHORIZED = frozenset({"public", "must-revalidate", "s-maxage"})
# Statuses that result from a condition, a range or an expectation of one client. No key contains these.
_REQUEST_STATUSES = frozenset({206, 304, 412, 416, 417})
# Statuses that this cache understands, for must-understand (section 5.2.2.3).
_UNDERSTOOD = HEURISTIC | {302, 303, 307, 400, 401, 403, 406, 409, 415, 422, 429, 500, 502, 503, 504}


def refusal_reason(
    request: Request, status: int, fields: Fields, directives: Directives, profile: Profile
) -> str | None:
    """The reason against storing a response, as a short text for Cache-Status. None if it may be stored."""
    if request.method != "GET":
        return "method"
    if not 200 <= status <= 599 or status in _REQUEST_STATUSES:
        return "status"
    if "must-understand" in directives and status not in _UNDERSTOOD:
        return "must-understand"
    if "no-store" in directives and "must-understand" not in directives:
        return "no-store"
    if "no-store" in request.directives:
        return "no-store of the request"
    if directives.is_unqualified("private"):
        return "private"
    if vary_of(fields) is None:
        return "vary *"
    return personal_refusal(request, fields, directives, profile) or _undeclared_refusal(
        status, fields, directives, profile
    )


def personal_refusal(request: Request, fields: Fields, directives: Directives, profile: Profile) -> str | None:
    """The reason against storing a response that may belong to one client."""
    if b"set-cookie" in fields and (AT_MOST in directives or not profile.stores_cookies):
        return "set-cookie"
    if request.fields.identifies_sender(profile.personal_cookies) and "public" not in directives:
        return "personal"
    if b"authorization" in request.fields and not _ALLOW_AUTHORIZED & directives.arguments.keys():
        return "authorization"
    return None


def _undeclared_refusal(status: int, fields: Fields, directives: Directives, profile: Profile) -> str | None:
    """The reason against storing a response without a lifetime, unless its status allows a heuristic one."""
    has_lifetime = not {"s-maxage", "max-age"}.isdisjoint(directives.arguments)
    if profile.explicit_only:
        return None if has_lifetime else "says nothing"
    is_cacheable = "public" in directives or b"expires" in fields or "no-cache" in directives or status in HEURISTIC
    return None if has_lifetime or is_cacheable else "says nothing"


def urls_invalidated_by(request: Request, status: int, response: Fields) -> list[str]:
    """The URLs that a write invalidates: its own, and those in Location and Content-Location on the same origin.

    An error invalidates nothing.
    """
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
