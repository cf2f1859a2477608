"""A request: its header fields, each parsed once; its URL; the parse of plain requests, and the cache of parses."""

from collections.abc import Hashable, Iterable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from ..key import MAX_PARAMETERS
from ..release import release_digest
from .page import key_prefix, url_key, url_tag
from .profile import Profile
from .rules.directives import Directives, request_directives
from .rules.fields import Field, Fields
from .rules.variants import HOST, PLAIN, choose_codings

V = TypeVar("V")

_MOST_ENTRIES = 4096
_MOST_BYTES = 8 * 1024 * 1024
# Bytes that Python uses for one field besides its content. With short fields this is most of the size.
FIELD_OVERHEAD = 400


class RequestCache(Generic[V]):
    """A bounded cache in two generations: `most` entries, about `most_bytes` bytes.

    When the young generation reaches half the bound, it becomes the old one, and the previous old one is dropped. An
    old entry that is read becomes young again.

    `young`: the young generation. Reading it first saves the hottest entries a call.
    """

    def __init__(self, most: int = _MOST_ENTRIES, most_bytes: int = _MOST_BYTES) -> None:
        self._generation = most // 2
        self._heaviest = most_bytes // 2
        self.young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        # Bytes of all young entries, and average bytes of an old entry.
        self.weight = self._old_weight = 0

    def get(self, key: Hashable) -> V | None:
        value = self.young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.add(key, value, self._old_weight)
        return value

    def add(self, key: Hashable, value: V, weight: int) -> V:
        """Add an entry. `weight`: approximate bytes of key and value."""
        if len(self.young) >= self._generation or self.weight >= self._heaviest:
            self._old_weight = self.weight // len(self.young)
            self._old, self.young, self.weight = self.young, {}, 0
        self.young[key] = value
        self.weight += weight
        return value

    def __len__(self) -> int:
        return len(self.young) + len(self._old)


def weight_of(pairs: Iterable[Field]) -> int:
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in pairs)


_PREFETCH = (b"sec-purpose", b"purpose")


class RequestFields(Fields):
    """The header fields of one request. A list of offered codings or cookie names is expected to be the same in each
    call: only the last result is cached.
    """

    __slots__ = ("_codings", "_directives", "_sender")

    def __init__(self, pairs: Iterable[Sequence[bytes]] = ()) -> None:
        super().__init__(pairs)
        self._clear()

    @classmethod
    def of(cls, pairs: tuple[Field, ...]) -> "RequestFields":
        fields = cls.__new__(cls)
        fields.pairs, fields.lines = pairs, None
        fields._clear()
        return fields

    def _clear(self) -> None:
        self._directives: Directives | None = None
        self._codings: tuple[Sequence[str], tuple[str, ...]] | None = None
        self._sender: tuple[frozenset[str], bool] | None = None

    @property
    def directives(self) -> Directives:
        if self._directives is None:
            self._directives = request_directives(self)
        return self._directives

    def choose_codings(self, offered: Sequence[str]) -> tuple[str, ...]:
        """The offered codings that the client accepts, the preferred first."""
        if self._codings is None or self._codings[0] != offered:
            self._codings = offered, choose_codings(self.combine(b"accept-encoding"), offered)
        return self._codings[1]

    def identifies_sender(self, cookies: frozenset[str]) -> bool:
        """Whether the request has Authorization or one of these cookies; False if there are none to look for."""
        if not cookies:
            return False
        if self._sender is None or self._sender[0] != cookies:
            is_known = b"authorization" in self or any(_has_cookie(each, cookies) for each in self.values(b"cookie"))
            self._sender = cookies, is_known
        return self._sender[1]

    @property
    def is_prefetch(self) -> bool:
        """Whether a browser prefetches the page (Fetch standard, Sec-Purpose)."""
        return any("prefetch" in (self.first(name) or "") for name in _PREFETCH)


def _has_cookie(value: str, names: frozenset[str]) -> bool:
    """Whether a Cookie field has one of these names. An unreadable field counts as having one."""
    try:
        return not names.isdisjoint(SimpleCookie(value)) or any(f"{name}=" in value for name in names)
    except CookieError:
        return True


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
    """A request. `target`: path and query. `url`, `key`, `tag`: the address, the key and the tag of its page.

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
    def tag(self) -> str:
        return url_tag(self.url)

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


# A request with one of these fields is not plain: it may need more than the stored page, or may not get it.
_NOT_PLAIN = frozenset(
    {b"range", b"if-range", b"if-match", b"if-unmodified-since", b"expect", b"upgrade"}
    | {b"transfer-encoding", b"cache-control", b"pragma"}
)
# Fields that may identify a client. A page that is the same for all clients does not depend on them.
PERSONAL = frozenset({b"cookie", b"authorization"})


class ParsedRequest:
    """The header section of a plain request.

    - `codings`: content codings that the client accepts, the preferred first.
    - `tag`, `since`: the values of If-None-Match and If-Modified-Since.
    - `longest_plain_target`: targets of plain characters up to this many bytes form a key without a digest.
    - `is_personal`: the client identifies itself. It gets only pages that are the same for all clients. Its
      `longest_plain_target` is -1, so that `FastPath.key_of` checks each of its requests.
    - `is_bare`: the client accepts no codings and sends no conditions.
    - `weight`: approximate bytes of all this.
    """

    __slots__ = (
        "codings",
        "fields",
        "is_bare",
        "is_personal",
        "is_prefetch",
        "key_prefix",
        "longest_plain_target",
        "origin",
        "since",
        "tag",
        "weight",
    )

    def __init__(
        self, scheme: str, host: str, fields: RequestFields, codings: tuple[str, ...], *, is_personal: bool = False
    ) -> None:
        self.origin = f"{scheme}://{host}"
        self.key_prefix = key_prefix(release_digest()) + self.origin
        is_plain = not is_personal and PLAIN.fullmatch(self.origin)
        self.longest_plain_target = MAX_PARAMETERS - len(self.origin) if is_plain else -1
        self.is_personal = is_personal
        self.codings = codings
        self.fields = fields
        self.weight = weight_of(fields.pairs)
        self.tag = fields.first(b"if-none-match")
        self.since = fields.first(b"if-modified-since")
        self.is_prefetch = fields.is_prefetch
        self.is_bare = not codings and self.tag is None and self.since is None


def parse_request(
    scheme: str, fields: RequestFields, profile: Profile, port: int | None = None
) -> ParsedRequest | None:
    """Parse a header section. None if the request is not plain. `port`: of the server."""
    hosts = fields.values(b"host")
    if len(hosts) != 1 or not hosts[0] or not HOST.fullmatch(hosts[0]):
        return None
    if any(name in _NOT_PLAIN for name, _ in fields.pairs):
        return None
    if len(fields.values(b"if-none-match")) > 1 or len(fields.values(b"if-modified-since")) > 1:
        return None
    if fields.values(b"content-length") not in ([], ["0"]) or fields.directives.arguments:
        return None
    host = hosts[0].lower()
    if profile.hosts is not None and not profile.hosts(host):
        return None
    is_personal = b"authorization" in fields or fields.identifies_sender(profile.personal_cookies)
    if is_personal:
        if profile.shared_parameters is None:
            return None
        fields = RequestFields.of(fields.without(PERSONAL).pairs)
    if profile.canonical_host is not None:
        host = profile.canonical_host(host, port)
    return ParsedRequest(scheme, host, fields, fields.choose_codings(profile.codings), is_personal=is_personal)
