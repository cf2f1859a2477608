"""The options that the RFCs leave to a cache."""

import re
from collections.abc import Awaitable, Callable, Container, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cdn_headers import CdnHeaders

_LARGEST = 8 * 1024 * 1024


class _AnyParameter:
    """Contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


ANY_PARAMETER: Container[str] = _AnyParameter()


class Moved(str):
    """The encoded location of a permanent redirect. The query of the request is appended."""


def plain_refusal(status: int, reason: str) -> tuple[bytes, bytes]:
    """The content type and body of a refusal, in plain text."""
    return b"text/plain; charset=utf-8", f"{status}: {reason}\n".encode()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The rules of one site. The defaults are those of a shared cache in the RFCs.

    name               the name in Cache-Status (RFC 9211)
    targeted           fields that override Cache-Control for this cache (RFC 9213), the strongest first; the last is
                       an older field with its own syntax (W3C Edge Architecture, 2001)
    explicit_only      store only responses with an explicit lifetime (max-age or s-maxage)
    stores_cookies     store responses that set cookies, as the RFCs allow
    personal_cookies   cookies that identify a client; its requests bypass the cache, except for public pages
    reload_after       seconds for which a page is recent enough to answer a reload; None: reloads are obeyed
    hosts              whether a Host is served; None: every host
    canonical_host     a Host in lower case and the server's port (None: unknown) -> the Host in keys and for the
                       application; None: as it is
    refusal            status and reason -> content type and body of the cache's own refusals
    passes             matches the start of paths that bypass the cache; None: no path does
    ignored_parameters query parameters to remove, for the key and for the application
    shared_parameters  path (decoded) -> the query parameters that its page reads, if the page is the same for all
                       clients; None for a page that may differ by client. For the former, other parameters, cookies
                       and Authorization are removed before key and application. None: no page is known to be the same
    stand_in           ASGI scope -> the path of the page that answers instead, or Moved; None if there is none. It is
                       called for a page of which nothing is stored, and may refuse with Overloaded. None: not called
    sorts_parameters   sort the query by name; the values of one name keep their order
    visible_fields     request fields that the application sees if the response may be stored; None: all
    makes_whole        always request the whole page without conditions from the application
    invalidates        successful unsafe requests invalidate their URL (RFC 9111, section 4.4)
    codings            content codings of text, in order of preference; pages are compressed in the background
    cdn                the fields that tell a CDN in front the tags of each page; None: no CDN
    largest            bytes of the largest body that is stored
    keep               seconds after its end for which a response is kept, for validation and max-stale
    """

    name: str = "Evergreen"
    targeted: tuple[bytes, ...] = (b"evergreen-cache-control", b"cdn-cache-control", b"surrogate-control")
    explicit_only: bool = False
    stores_cookies: bool = True
    personal_cookies: frozenset[str] = frozenset()
    reload_after: float | None = None
    hosts: Callable[[str], bool] | None = None
    canonical_host: Callable[[str, int | None], str] | None = None
    refusal: Callable[[int, str], tuple[bytes, bytes]] = plain_refusal
    passes: re.Pattern[str] | None = None
    ignored_parameters: re.Pattern[str] | None = None
    shared_parameters: Callable[[str], Container[str] | None] | None = None
    stand_in: Callable[[MutableMapping[str, Any]], Awaitable[str | None]] | None = None
    sorts_parameters: bool = False
    visible_fields: frozenset[bytes] | None = None
    makes_whole: bool = False
    invalidates: bool = True
    codings: tuple[str, ...] = ()
    cdn: "CdnHeaders | None" = None
    largest: int = _LARGEST
    keep: float = 3600.0

    def bypasses(self, path: str) -> bool:
        """Whether requests for this path bypass the cache. `path`: decoded, as the application sees it."""
        return self.passes is not None and self.passes.match(path) is not None

    def parameters_of(self, path: str) -> Container[str] | None:
        """Like `shared_parameters`, for a profile without it as well."""
        return self.shared_parameters(path) if self.shared_parameters is not None else None


SHARED_CACHE = Profile()
