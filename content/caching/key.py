"""Keys: readable, bounded in length, and never the same for two different sets of parameters."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

from .entry import CachedValue, Header
from .errors import short_repr
from .metrics.events import Counters
from .policy import Policy, Times

# Memcached allows 250 bytes a key, of which Django's prefix and version take some.
MAX_PARAMETERS = 120
DIGEST_LENGTH = 32
# Characters. Longer ones name no set of entries; they are text that slipped in.
MAX_TAG_LENGTH = 500
# The first character of a weak tag; the rest is the tag of the thing that is shown in passing.
WEAK = "~"
# Characters of the mark by which an appender knows its own record again.
MAX_NONCE_LENGTH = 200
# The most tags of an entry. One with more is not stored.
MAX_TAGS = 128

logger = logging.getLogger("content.caching")


def resource_key(name: str, schema: str, parameters: Sequence[Any]) -> str:
    """`<resource>@<schema>:<parameters>`; long parameters end in a digest of the whole."""
    return f"{name}@{schema}:{shorten(','.join(map(encode_parameter, parameters)))}"


def hashable_key(name: str, schema: str, parameters: Sequence[Any]) -> str:
    """Like `resource_key`. Raises TypeError for parameters that are unhashable or have no key."""
    try:
        hash(parameters)
        return resource_key(name, schema, parameters)
    except TypeError as error:
        raise TypeError(
            f"Resource {name!r}: the parameters {short_repr(parameters)} have no key: {error}. "
            "Give plain values, such as the id of an object, and a tuple in place of a list."
        ) from None


def resource_tag(name: str) -> str:
    """The tag of every entry of a resource, and of every page that reads one."""
    return f"resource:{name}"


def entry_tag(name: str, key: str) -> str:
    """The tag of an entry whose resource declares none: its key without the schema, which releases may differ in."""
    return f"entry:{name}:{key.removeprefix(f'{name}@').partition(':')[2]}"


def weak_tag(tag: str) -> str:
    """The tag of what shows a thing in passing: stale after a change of the thing, invalid once both are invalidated.

    That of a weak tag is the same tag.
    """
    return tag if tag.startswith(WEAK) else WEAK + tag


def value_tag(key: str) -> str:
    """The tag of a derived value: expired when the value was made again and came out different (cutoff.py)."""
    return f"value:{key}"


def tag_key(tag: str) -> str:
    return f"tag:{shorten(encode_parameter(tag))}"


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The same tags as a tuple.

    Raises TypeError for a string or bytes in place of a list, and for a tag that is no str. Raises ValueError for a
    tag that is empty, longer than MAX_TAG_LENGTH, or not encodable as UTF-8.
    """
    if isinstance(tags, str):
        raise TypeError(
            f"The tags are one string, {short_repr(tags)}: each character would be a tag. "
            f"Give a list, as in invalidate([{short_repr(tags)}]); a tuple of one tag ends in a comma."
        )
    if isinstance(tags, bytes | bytearray | memoryview) or not isinstance(tags, Iterable):
        raise TypeError(f"The tags are {short_repr(tags)}, no list of strings. Give a list, as in invalidate(['a']).")
    # Most tags pass the first test: ASCII text of a usual length.
    return tuple(
        tag if type(tag) is str and tag.isascii() and 0 < len(tag) <= MAX_TAG_LENGTH else _check_tag(tag)
        for tag in tags
    )


def _check_tag(tag: Any) -> str:
    if not isinstance(tag, str):
        raise TypeError(
            f"The tag {short_repr(tag)} is of type {type(tag).__name__}: no entry depends on it. "
            "Give strings, as in invalidate(['post:42'])."
        )
    if not tag:
        raise ValueError("A tag is empty: no entry depends on it. Leave it out, or give its name.")
    if len(tag) > MAX_TAG_LENGTH:
        raise ValueError(
            f"The tag {short_repr(tag)} has {len(tag)} characters; {MAX_TAG_LENGTH} are the most. "
            "Name the set of entries by an id or a digest."
        )
    # Plain text, also for a subclass (SafeString, a str Enum) and for a lazy string.
    plain = str.__str__(tag) if issubclass(type(tag), str) else str(tag)
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The tag {short_repr(tag)} cannot be encoded as UTF-8: character {error.start} is half of a surrogate "
            "pair. "
            "Decode the text that it comes from correctly, or name the tag by an id."
        ) from None
    return plain


def check_nonce(nonce: str) -> str:
    """The same nonce. Raises ValueError for what a record cannot be marked with."""
    if not isinstance(nonce, str) or not nonce.isascii() or not 0 < len(nonce) <= MAX_NONCE_LENGTH:
        raise ValueError(
            f"The nonce {short_repr(nonce)} cannot mark an invalidation. "
            f"Give ASCII text of 1 to {MAX_NONCE_LENGTH} characters, or none."
        )
    return nonce


_warned_of_tags: set[str] = set()


def warn_of_tags(name: str, tags: Sequence[str]) -> None:
    """Say once for each resource that its entries have too many."""
    if name not in _warned_of_tags:
        _warned_of_tags.add(name)
        logger.warning(
            "An entry of the resource %r has %d tags, %r among them; %d are the most. Readers get the value, but "
            "it is not stored, so each read loads it. Give the set one tag of its own, and invalidate that.",
            name,
            len(tags),
            tags[0],
            MAX_TAGS,
        )


def shorten(text: str) -> str:
    if len(text) <= MAX_PARAMETERS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    # `encode_parameter` never returns "#", so a shortened key equals no full one.
    return f"{text[: MAX_PARAMETERS - DIGEST_LENGTH - 1]}#{digest}"


def encode_parameter(value: Any) -> str:
    """One parameter as text that no other value shares, of whatever type. Equal values of a type have equal texts.

    Text that begins with a letter stands for itself, other text follows an apostrophe, and other types follow "!".
    Percent-encoding leaves neither of these marks in a text. An Enum that is a str or an int is its value, as it
    equals it. Raises TypeError for a type that has no such text.
    """
    match value:
        case str():
            text = quote(value, safe=":", errors="surrogatepass").replace("~", "%7E")
            return text if text[:1].isalpha() else f"'{text}"
        case bool() | None:
            return f"!{value}"
        case int():
            # The decimal digits of a long number take long to find, and Python refuses them.
            number = value.value if isinstance(value, Enum) else value
            return str(number) if number.bit_length() < 1000 else f"{number:#x}"
        case float():
            return f"!{value + 0.0!r}"
        case Enum():
            kind = value.__class__
            content = value.value if isinstance(value, Flag) else value.name
            return f"!enum.{quote(f'{kind.__module__}.{kind.__qualname__}')}.{encode_parameter(content)}"
        case datetime():
            return f"!{quote(_in_utc(value).isoformat())}"
        case date():
            return f"!{value.isoformat()}"
        case time():
            return f"!time.{_encode_time(value)}"
        case Decimal():
            return f"!decimal.{_encode_decimal(value)}"
        case UUID():
            return f"!uuid.{value.hex}"
        case tuple() | list():
            return f"({','.join(map(encode_parameter, value))})"
    raise TypeError(
        f"{short_repr(value)}, of type {type(value).__name__}, cannot be a parameter: it has no text for a key. "
        "Use text, numbers, dates, times, UUIDs, Enums or tuples of them, such as the id of an object."
    )


def _in_utc(moment: datetime) -> datetime:
    """The same moment in UTC, since moments in several zones may be equal. A naive one is in no zone."""
    if moment.utcoffset() is None:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment


def _encode_time(value: time) -> str:
    offset = value.utcoffset()
    if offset is None:
        return quote(value.isoformat())
    since_midnight = timedelta(
        hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
    )
    return f"utc{(since_midnight - offset).total_seconds()}"


def _encode_decimal(value: Decimal) -> str:
    """The number without zeros at its end: 1.0 equals 1.00."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    significant = "".join(map(str, digits)).rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant.lstrip('0')}e{exponent + len(digits) - len(significant)}"


Parameters = tuple[Any, ...]


class KeyKind(Protocol):
    """The owner of keys, as the tiers see it: a resource, or the kind of all pages."""

    # The name in events and metrics.
    name: str
    policy: Policy


class TierKey(Protocol):
    """One entry, as the tiers see it: an `EntryKey`, or the key of a page."""

    @property
    def key(self) -> str: ...

    @property
    def owner(self) -> KeyKind: ...


class KeyOwner(KeyKind, Protocol):
    """The owner of keys, as the engine sees it: a resource."""

    counters: Counters
    # Readers may share one decoded value.
    is_immutable: bool
    # Bytes that a packed entry may have.
    largest: int
    # Whether its loader needs an event loop.
    is_async: bool
    # Whether it is a derived value (cutoff.py).
    cutoff: bool

    @property
    def schema(self) -> str:
        """The part of keys that stands for the shape of its values and the rules of their tags (schema.py)."""

    def prepare(self) -> None:
        """Called before another thread than the reader's may load."""

    async def run_loader(self, wanted: Sequence[Parameters], earlier: CachedValue | None) -> dict[Parameters, Any]:
        """Results by parameters. `earlier` is the last good value, which the loader may find unchanged."""

    def result_of(self, value: CachedValue) -> Any:
        """The result of a loader that returns this value."""

    def tags_of(self, entry_key: "EntryKey", result: Any, tags: Iterable[str]) -> tuple[str, ...]:
        """The tags of the entry; `tags` are those of everything that its loader read."""

    def times_of(self, result: Any, now: float, chance: float) -> Times: ...

    def encode_result(self, result: Any) -> bytes: ...

    def to_cached_value(self, header: Header, result: Any, encoded: bytes) -> CachedValue: ...

    def decode_value(self, value: CachedValue) -> CachedValue | None:
        """None for bytes that are no such value."""


class EntryKey:
    """One entry: its owner, the parameters, and the key under which it is stored."""

    __slots__ = ("key", "owner", "parameters")

    def __init__(self, owner: KeyOwner, parameters: Parameters, key: str) -> None:
        self.owner = owner
        self.parameters = parameters
        self.key = key
