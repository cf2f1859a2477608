"""Options that the RFCs leave to a cache."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from .rules.fields import Fields

if TYPE_CHECKING:
    from .cdn_headers import CdnHeaders

_LARGEST = 8 * 1024 * 1024


def plain_refusal(status: int, reason: str) -> tuple[bytes, bytes]:
    return b"text/plain; charset=utf-8", f"{status}: {reason}\n".encode()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """By default a shared cache as the RFCs describe it.

    name               in Cache-Status (RFC 9211)
    targeted           fields that override Cache-Control for this cache (RFC 9213), the strongest first; the last is
                       their forerunner (W3C Edge Architecture, 2001), in its own syntax
    explicit_only      store only what says for how long (max-age or s-maxage)
    stores_cookies     store responses that set cookies, as the RFCs allow
    personal_cookies   who sends one of these is somebody: goes past the cache, but for what is public
    reload_after       seconds for which a page is new enough for whoever reloads it; None: reloads are obeyed
    hosts              which Host is answered; None: every one
    refusal            status and reason -> content type and body of what the cache itself refuses
    passes             matches the paths, from their beginning, that are none of the cache's business; None: none
    ignored_parameters what is taken out of the query, for key and application
    sorts_parameters   the query in the order of its names; values of one name keep theirs
    visible_fields     what of a request the application gets to see where the response may be stored; None: all
    makes_whole        ask the application for the whole, and unconditionally, whatever the client wants of it
    invalidates        successful unsafe requests invalidate their URL (RFC 9111, section 4.4)
    codings            made of text, behind the readers, for those who take them, in this order; none by default
    cdn                how a CDN in front is told what each page depends on; None: nobody is
    largest            bytes of a body; a longer one is passed on and not stored
    keep               seconds past its end for which a response is kept: to be validated, and for max-stale
    """

    name: str = "Evergreen"
    targeted: tuple[bytes, ...] = (b"evergreen-cache-control", b"cdn-cache-control", b"surrogate-control")
    explicit_only: bool = False
    stores_cookies: bool = True
    personal_cookies: frozenset[str] = frozenset()
    reload_after: float | None = None
    hosts: Callable[[str], bool] | None = None
    refusal: Callable[[int, str], tuple[bytes, bytes]] = plain_refusal
    passes: re.Pattern[str] | None = None
    ignored_parameters: re.Pattern[str] | None = None
    sorts_parameters: bool = False
    visible_fields: frozenset[bytes] | None = None
    makes_whole: bool = False
    invalidates: bool = True
    codings: tuple[str, ...] = ()
    cdn: "CdnHeaders | None" = None
    largest: int = _LARGEST
    keep: float = 3600.0

    def bypasses(self, path: str) -> bool:
        """Whether requests for this path go past the cache. `path`: decoded, as the application sees it."""
        return self.passes is not None and self.passes.match(path) is not None

    def is_personal(self, request: Fields) -> bool:
        """Whether the request identifies its sender."""
        if not self.personal_cookies:
            return False
        if b"authorization" in request:
            return True
        return any(self._has_personal_cookie(value) for value in request.values(b"cookie"))

    def _has_personal_cookie(self, cookies: str) -> bool:
        """Whether the cookies contain a personal one. Unreadable cookies count as personal."""
        try:
            return not self.personal_cookies.isdisjoint(SimpleCookie(cookies)) or any(
                f"{name}=" in cookies for name in self.personal_cookies
            )
        except CookieError:
            return True


SHARED_CACHE = Profile()
