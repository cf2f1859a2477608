"""A request as the rules see it."""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, unquote_plus

from content.caching.edge.profile import Profile
from content.caching.edge.rules.directives import Directives, request_directives
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import url_key

# What one client wants of an answer, and others may not.
_CLIENT_FIELDS = frozenset(
    {b"cache-control", b"pragma", b"range", b"if-range", b"if-match", b"if-none-match"}
    | {b"if-modified-since", b"if-unmodified-since", b"content-length", b"transfer-encoding", b"expect"}
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _quote_path(path: str) -> bytes:
    """Of servers that tell the path decoded, and no other: what is decoded would be taken for what divides."""
    return quote(path, safe="/:@!$&'()*+,;=~", errors="surrogatepass").encode("ascii")


class Request:
    """`target` is path and query, and with them `url` and `key`, as they stand under which it is stored."""

    __slots__ = ("directives", "fields", "key", "method", "scheme", "scope", "target", "url")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.scheme: str = scope.get("scheme", "http")
        self.fields = Fields(scope["headers"])
        self.directives: Directives = request_directives(self.fields)
        path: bytes = scope.get("raw_path") or _quote_path(scope["path"])
        query: bytes = scope.get("query_string", b"")
        self.target = (path + b"?" + query if query else path).decode("latin-1")
        self.url = f"{self.scheme}://{self.host}{self.target}"
        self.key = url_key(self.url)

    @property
    def host(self) -> str:
        return (self.fields.first(b"host") or "").lower()

    @property
    def has_path(self) -> bool:
        """Not in authority-form, asterisk-form, or whatever a server may have let through: behind the host that would
        not be told from the path of another."""
        return self.target[:1] in ("", "/", "?")

    def altered(self, **scope: Any) -> "Request":
        return Request({**self.scope, **scope})

    def as_get(self) -> "Request":
        return self if self.method == "GET" else self.altered(method="GET")

    def as_plain_get(self) -> "Request":
        """For the whole, and for whoever asks next."""
        return self.altered(method="GET", headers=self.fields.without(_CLIENT_FIELDS).pairs)

    @property
    def has_content(self) -> bool:
        """By its own word (RFC 9112, section 6.3)."""
        return b"transfer-encoding" in self.fields or self.fields.first(b"content-length") not in (None, "0")

    @property
    def is_safe(self) -> bool:
        return self.method in _SAFE

    @property
    def is_read(self) -> bool:
        return self.method in ("GET", "HEAD")


def normalize(request: Request, profile: Profile) -> Request:
    query: bytes = request.scope.get("query_string", b"")
    if not query or not request.is_read:
        return request
    normalized = normalize_query(query, profile)
    return request if normalized == query else request.altered(query_string=normalized)


# Of more parameters nobody makes sense. To put tens of thousands in order would take a tenth of a second, twice.
MOST_PARAMETERS = 200


def normalize_query(query: bytes, profile: Profile) -> bytes:
    """Without ignored parameters; by name, where the profile sorts. Values of one name keep their order.

    Of more than MOST_PARAMETERS it stays as it came, for key and application."""
    if query.count(b"&") >= MOST_PARAMETERS:
        return query
    parts = query.split(b"&")
    if profile.ignored_parameters is not None:
        parts = [part for part in parts if not profile.ignored_parameters.fullmatch(_parameter_name(part))]
    if profile.sorts_parameters:
        parts.sort(key=_parameter_name)
    return b"&".join(parts)


def _parameter_name(part: bytes) -> str:
    """As the application decodes it."""
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"), errors="replace")
