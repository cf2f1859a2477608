"""What the header section of a request asks for, whatever its URL."""

from content.caching.edge.known import weight_of
from content.caching.edge.profile import Profile
from content.caching.edge.rules.coding import accepted
from content.caching.edge.rules.directives import request_directives
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.keys import HOST, PLAIN, PREFIX
from content.caching.keys import LONGEST_PARAMETERS

# Whoever sends one of these wants more than a plain answer from what is stored, or may not get one.
NOT_PLAIN = frozenset(
    {b"authorization", b"range", b"if-range", b"if-match", b"if-unmodified-since", b"expect", b"upgrade"}
    | {b"transfer-encoding", b"cache-control", b"pragma"}
)
PREFETCH = (b"sec-purpose", b"purpose")


class Asking:
    """Of a plain request. `codings` it takes, the best first; `tag` and `since` of what it has, if it says so.

    `room`: a path of up to so many bytes, if it is plain, makes a key by itself. `is_bare`: it has nothing, and takes
    pages as they came. `weight`: bytes of all this, roughly.
    """

    __slots__ = ("codings", "fields", "is_ahead", "is_bare", "key_begins", "origin", "room", "since", "tag", "weight")

    def __init__(self, scheme: str, host: str, fields: Fields, codings: tuple[str, ...]) -> None:
        self.origin = f"{scheme}://{host}"
        self.key_begins = PREFIX + self.origin
        self.room = LONGEST_PARAMETERS - len(self.origin) if PLAIN.fullmatch(self.origin) else -1
        self.codings = codings
        self.fields = fields
        self.weight = weight_of(fields.pairs)
        self.tag = fields.first(b"if-none-match")
        self.since = fields.first(b"if-modified-since")
        self.is_ahead = is_ahead(fields)
        self.is_bare = not codings and self.tag is None and self.since is None


def asking_of(scheme: str, fields: Fields, profile: Profile) -> Asking | None:
    """None for a request that takes more thought than this."""
    hosts = fields.values(b"host")
    if len(hosts) != 1 or not hosts[0] or not HOST.fullmatch(hosts[0]):
        return None
    if any(name in NOT_PLAIN for name, _ in fields.pairs):
        return None
    if len(fields.values(b"if-none-match")) > 1 or len(fields.values(b"if-modified-since")) > 1:
        return None
    if fields.values(b"content-length") not in ([], ["0"]) or request_directives(fields).arguments:
        return None
    host = hosts[0].lower()
    if profile.is_personal(fields) or (profile.hosts is not None and not profile.hosts(host)):
        return None
    return Asking(scheme, host, fields, accepted(fields, profile.codings))


def is_ahead(fields: Fields) -> bool:
    """A browser that fetches before its reader asks (Fetch standard, Sec-Purpose)."""
    return any("prefetch" in (fields.first(name) or "") for name in PREFETCH)
