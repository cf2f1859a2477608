"""The request that the rules work on, and the normalization of its query."""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, unquote_plus

from .profile import Profile
from .request_fields import RequestFields
from .rules.directives import Directives
from .rules.variants import url_key

# Fields that concern one client only.
_CLIENT_FIELDS = frozenset(
    {b"cache-control", b"pragma", b"range", b"if-range", b"if-match", b"if-none-match"}
    | {b"if-modified-since", b"if-unmodified-since", b"content-length", b"transfer-encoding", b"expect"}
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _quote_path(path: str) -> bytes:
    """Quote a path again for servers that only pass it decoded. A decoded "?" or "#" would split the URL."""
    return quote(path, safe="/:@!$&'()*+,;=~", errors="surrogatepass").encode("ascii")


class Request:
    """A request. `target`: path and query. `url`, `key`: the address and the key of its page.

    `fields`: its header fields, if they have been parsed before.
    """

    __slots__ = ("fields", "key", "method", "scheme", "scope", "target", "url")

    def __init__(self, scope: MutableMapping[str, Any], fields: RequestFields | None = None) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.scheme: str = scope.get("scheme", "http")
        self.fields = fields if fields is not None else RequestFields(scope["headers"])
        path: bytes = scope.get("raw_path") or _quote_path(scope["path"])
        query: bytes = scope.get("query_string", b"")
        self.target = (path + b"?" + query if query else path).decode("latin-1")
        self.url = f"{self.scheme}://{self.host}{self.target}"
        self.key = url_key(self.url)

    @property
    def directives(self) -> Directives:
        return self.fields.directives

    @property
    def host(self) -> str:
        return (self.fields.first(b"host") or "").lower()

    @property
    def has_path(self) -> bool:
        """Whether the target is a path. Authority-form or asterisk-form could be mistaken for another URL's path."""
        return self.target[:1] in ("", "/", "?")

    def replace(self, **scope: Any) -> "Request":
        """The request with other values in its scope."""
        return Request({**self.scope, **scope}, None if "headers" in scope else self.fields)

    def as_get(self) -> "Request":
        return self if self.method == "GET" else self.replace(method="GET")

    def as_plain_get(self) -> "Request":
        """An unconditional GET of the whole page, without the fields that concern this client only."""
        return self.replace(method="GET", headers=self.fields.without(_CLIENT_FIELDS).pairs)

    @property
    def has_content(self) -> bool:
        """Whether the request announces a body (RFC 9112, section 6.3)."""
        return b"transfer-encoding" in self.fields or self.fields.first(b"content-length") not in (None, "0")

    @property
    def is_safe(self) -> bool:
        return self.method in _SAFE

    @property
    def is_read(self) -> bool:
        return self.method in ("GET", "HEAD")


def normalize(request: Request, profile: Profile) -> Request:
    """The request with the normalized query, so that equivalent URLs share one page."""
    query: bytes = request.scope.get("query_string", b"")
    if not query or not request.is_read:
        return request
    normalized = normalize_query(query, profile)
    return request if normalized == query else request.replace(query_string=normalized)


# Most parameters that are normalized. Sorting tens of thousands would take a tenth of a second, twice.
MOST_PARAMETERS = 200


def normalize_query(query: bytes, profile: Profile) -> bytes:
    """Remove ignored parameters, and sort by name if the profile says so. Values of one name keep their order.

    A query of more than MOST_PARAMETERS is left unchanged.
    """
    if query.count(b"&") >= MOST_PARAMETERS:
        return query
    parts = query.split(b"&")
    if profile.ignored_parameters is not None:
        parts = [part for part in parts if not profile.ignored_parameters.fullmatch(_parameter_name(part))]
    if profile.sorts_parameters:
        parts.sort(key=_parameter_name)
    return b"&".join(parts)


def _parameter_name(part: bytes) -> str:
    """The decoded name of a parameter."""
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"), errors="replace")
