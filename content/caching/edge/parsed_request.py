"""What a header section asks for, whatever the URL."""

from ..key import MAX_PARAMETERS
from .profile import Profile
from .request_cache import weight_of
from .rules.coding import accepted_codings
from .rules.directives import request_directives
from .rules.fields import Fields
from .rules.keys import HOST, PLAIN, PREFIX

# A request with one of these fields is not plain: it may need more than the stored page, or may not get it.
_NOT_PLAIN = frozenset(
    {b"authorization", b"range", b"if-range", b"if-match", b"if-unmodified-since", b"expect", b"upgrade"}
    | {b"transfer-encoding", b"cache-control", b"pragma"}
)
_PREFETCH = (b"sec-purpose", b"purpose")


class ParsedRequest:
    """The header section of a plain request.

    - `codings`: content codings that the client accepts, the preferred first.
    - `tag`, `since`: the values of If-None-Match and If-Modified-Since.
    - `longest_plain_target`: targets of plain characters up to this many bytes form a key without a digest.
    - `is_bare`: the client accepts no codings and sends no conditions.
    - `weight`: approximate bytes of all this.
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
    """Parse a header section. None if the request is not plain."""
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
    """Whether a browser prefetches the page (Fetch standard, Sec-Purpose)."""
    return any("prefetch" in (fields.first(name) or "") for name in _PREFETCH)
