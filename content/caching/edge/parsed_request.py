"""What the header section of a request asks for, whatever its URL."""

from content.caching.edge.profile import Profile
from content.caching.edge.request_cache import weight_of
from content.caching.edge.rules.coding import accepted_codings
from content.caching.edge.rules.directives import request_directives
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import HOST, PLAIN, PREFIX
from content.caching.key import MAX_PARAMETERS

# Whoever sends one of these wants more than a plain answer from what is stored, or may not get one.
_NOT_PLAIN = frozenset(
    {b"authorization", b"range", b"if-range", b"if-match", b"if-unmodified-since", b"expect", b"upgrade"}
    | {b"transfer-encoding", b"cache-control", b"pragma"}
)
_PREFETCH = (b"sec-purpose", b"purpose")


class ParsedRequest:
    """Of a plain request. `codings` it takes, the best first; `tag` and `since` of what it has, if it says so.

    `longest_plain_target`: a path of up to so many bytes, if it is plain, makes a key by itself. `is_bare`: it has
    nothing, and takes pages as they came. `weight`: bytes of all this, roughly.
    """

    __slots__ = (
        "codings",
        "fields",
        "is_bare",
        "is_prefetch",
        "key_prefix",
        "longest_plain_target",
        "origin",
        "since",
        "tag",
        "weight",
    )

    def __init__(self, scheme: str, host: str, fields: Fields, codings: tuple[str, ...]) -> None:
        self.origin = f"{scheme}://{host}"
        self.key_prefix = PREFIX + self.origin
        self.longest_plain_target = MAX_PARAMETERS - len(self.origin) if PLAIN.fullmatch(self.origin) else -1
        self.codings = codings
        self.fields = fields
        self.weight = weight_of(fields.pairs)
        self.tag = fields.first(b"if-none-match")
        self.since = fields.first(b"if-modified-since")
        self.is_prefetch = is_prefetch(fields)
        self.is_bare = not codings and self.tag is None and self.since is None


def parse_request(scheme: str, fields: Fields, profile: Profile) -> ParsedRequest | None:
    """None for a request that takes more thought than this."""
    hosts = fields.values(b"host")
    if len(hosts) != 1 or not hosts[0] or not HOST.fullmatch(hosts[0]):
        return None
    if any(name in _NOT_PLAIN for name, _ in fields.pairs):
        return None
    if len(fields.values(b"if-none-match")) > 1 or len(fields.values(b"if-modified-since")) > 1:
        return None
    if fields.values(b"content-length") not in ([], ["0"]) or request_directives(fields).arguments:
        return None
    host = hosts[0].lower()
    if profile.is_personal(fields) or (profile.hosts is not None and not profile.hosts(host)):
        return None
    return ParsedRequest(scheme, host, fields, accepted_codings(fields, profile.codings))


def is_prefetch(fields: Fields) -> bool:
    """A browser that fetches before its reader asks (Fetch standard, Sec-Purpose)."""
    return any("prefetch" in (fields.first(name) or "") for name in _PREFETCH)
