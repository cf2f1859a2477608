"""Parse the header sections of plain requests, and cache the results by the bytes that were parsed."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from ..key import MAX_PARAMETERS
from .profile import Profile
from .request_fields import RequestFields
from .rules.fields import Field
from .rules.variants import HOST, PLAIN, PREFIX

# A request with one of these fields is not plain: it may need more than the stored page, or may not get it.
_NOT_PLAIN = frozenset(
    {b"authorization", b"range", b"if-range", b"if-match", b"if-unmodified-since", b"expect", b"upgrade"}
    | {b"transfer-encoding", b"cache-control", b"pragma"}
)


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

    def __init__(self, scheme: str, host: str, fields: RequestFields, codings: tuple[str, ...]) -> None:
        self.origin = f"{scheme}://{host}"
        self.key_prefix = PREFIX + self.origin
        self.longest_plain_target = MAX_PARAMETERS - len(self.origin) if PLAIN.fullmatch(self.origin) else -1
        self.codings = codings
        self.fields = fields
        self.weight = weight_of(fields.pairs)
        self.tag = fields.first(b"if-none-match")
        self.since = fields.first(b"if-modified-since")
        self.is_prefetch = fields.is_prefetch
        self.is_bare = not codings and self.tag is None and self.since is None


def parse_request(scheme: str, fields: RequestFields, profile: Profile) -> ParsedRequest | None:
    """Parse a header section. None if the request is not plain."""
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
    if profile.is_personal(fields) or (profile.hosts is not None and not profile.hosts(host)):
        return None
    return ParsedRequest(scheme, host, fields, fields.choose_codings(profile.codings))


V = TypeVar("V")

_MOST_ENTRIES = 4096
_MOST_BYTES = 32 * 1024 * 1024
# Bytes that Python uses for one field besides its content. With short fields this is most of the size.
FIELD_OVERHEAD = 400


class RequestCache(Generic[V]):
    """A bounded cache in two generations: `most` entries, about `most_bytes` bytes.

    When the young generation reaches half the bound, it becomes the old one, and the previous old one is dropped. An
    old entry that is read becomes young again.
    """

    def __init__(self, most: int = _MOST_ENTRIES, most_bytes: int = _MOST_BYTES) -> None:
        self._generation = most // 2
        self._heaviest = most_bytes // 2
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        # Bytes of all young entries, and average bytes of an old entry.
        self.weight = self._old_weight = 0

    def get(self, key: Hashable) -> V | None:
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.add(key, value, self._old_weight)
        return value

    def add(self, key: Hashable, value: V, weight: int) -> V:
        """Add an entry. `weight`: approximate bytes of key and value."""
        if len(self._young) >= self._generation or self.weight >= self._heaviest:
            self._old_weight = self.weight // len(self._young)
            self._old, self._young, self.weight = self._young, {}, 0
        self._young[key] = value
        self.weight += weight
        return value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def weight_of(pairs: Iterable[Field]) -> int:
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in pairs)
