"""An entry that can be checked: read it as a client would from each tier, load it past the cache, compare both.

A resource's entry is loaded by its loader. A page is made by the application, in this process.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote
from uuid import UUID

from ..declarations import resources
from ..edge.cache import EdgeCache
from ..edge.origin import call_application, scope_of
from ..edge.page import Page, key_prefix, url_key, url_tag
from ..edge.page_store import PageKey, read_stored_value
from ..engine import Engine
from ..entry import CachedValue, Header
from ..errors import CacheError, Unreadable
from ..key import EntryKey, TierKey
from ..loader_call import LoaderResult
from ..ordering.tag_index import Kind
from ..release import release_digest
from ..tiers import Tiers


def entry_key_of(key: str) -> EntryKey | None:
    """None for an undeclared resource, another schema, a shortened key, and parameters that a key does not tell."""
    address, mark, rest = key.rpartition("@")
    resource = resources.get(address)
    if not mark or resource is None or "#" in rest:
        return None
    try:
        entry_key = resource.entry_key(decode_parameters(rest.partition(":")[2]), {})
    except (ValueError, TypeError, ArithmeticError):
        return None
    # The parameters are right if they lead to the same key.
    return entry_key if entry_key.key == key else None


def decode_parameters(text: str) -> tuple[Any, ...]:
    """The inverse of the encoding in key.py. Raises ValueError for what cannot be decoded."""
    return tuple(_decode(part) for part in _split(text)) if text else ()


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no parentheses."""
    depth = begin = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _decode(text: str) -> Any:
    if text.startswith("("):
        return decode_parameters(text[1:-1])
    if text.startswith("!"):
        return _decode_marked(text[1:])
    if text.startswith("'") or text[:1].isalpha():
        return unquote(text.removeprefix("'"), errors="surrogatepass")
    return int(text, 0)


_CONSTANTS = {"True": True, "False": False, "None": None}
_TYPES: dict[str, Callable[[str], Any]] = {"uuid": UUID, "decimal": Decimal, "time": time.fromisoformat}


def _decode_marked(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    kind, _, content = text.partition(".")
    if kind in _TYPES:
        return _TYPES[kind](unquote(content))
    plain = unquote(text)
    if plain[4:5] != "-" or not plain[:4].isdigit():
        return float(plain)
    return datetime.fromisoformat(plain) if "T" in plain else date.fromisoformat(plain)


# A key, and its decoded value or the body of a page -> what is compared of it. None: nothing.
Comparable = Callable[[str, Any], Any]
# Bytes of a page in a report.
SHOWN = 40


def everything(key: str, value: Any) -> Any:
    return value


class Reading(NamedTuple):
    """A value as one tier would serve it now. `content` is encoded; of a page it is the status and the body."""

    tier: str
    header: Header
    value: Any
    content: Any
    is_fresh: bool

    def is_of_same_entry(self, other: "Reading | None") -> bool:
        return other is not None and (self.header.stamp, self.header.made_at) == (
            other.header.stamp,
            other.header.made_at,
        )


class Loaded(NamedTuple):
    """A value that was loaded past the cache."""

    value: Any
    content: Any


class CannotLoad(CacheError):
    """The check is left out."""


class Subject(Protocol):
    key: str
    name: str

    async def is_loading(self) -> bool:
        """Whether a process holds the lease to load it."""

    async def read(self) -> dict[str, Reading]:
        """The values that the tiers would serve now, by tier. Changes nothing."""

    async def load(self) -> Loaded:
        """Raises CannotLoad, and what its loader raises."""

    async def repair(self) -> None:
        """Invalidate its own tags, and load it anew."""


class _Tiered:
    """Reads the tiers as the engine does."""

    def __init__(self, engine: Engine, tier_key: TierKey) -> None:
        self.engine = engine
        self.tier_key = tier_key
        self.key = tier_key.key
        self.name = tier_key.owner.name

    @property
    def tiers(self) -> Tiers:
        return self.engine.tiers

    async def read(self) -> dict[str, Reading]:
        found = dict[str, Reading]()
        stored = (await self.tiers.lookup([self.tier_key], again=True)).get(self.key)
        # After the await: both are judged by what this process knows now.
        held = self.tiers.peek(self.key)
        if stored is not None:
            self.tiers.update_verdict(stored)
        for tier, value in (("memory", held), ("shared", stored)):
            reading = self._read(tier, value) if value is not None else None
            if reading is not None:
                found[tier] = reading
        return found

    def _read(self, tier: str, value: CachedValue) -> Reading | None:
        served, outcome, _ = self.tiers.judge(self.tier_key.owner.policy, value)
        content = self._decode(value) if served is not None else None
        return Reading(tier, value.header, *content, outcome in ("hit", "negative")) if content else None

    def _decode(self, value: CachedValue) -> tuple[Any, Any] | None:
        """The value and what is compared. None for what no reader gets."""
        raise NotImplementedError

    @property
    def lease_key(self) -> str:
        return self.key

    async def is_loading(self) -> bool:
        return await self.engine.shared.holder(self.lease_key) is not None

    async def _drop(self) -> None:
        if self.tiers.memory is not None:
            self.tiers.memory.drop(self.key)
        await self.engine.shared.evict(self.key)


class ResourceSubject(_Tiered):
    tier_key: EntryKey

    def _decode(self, value: CachedValue) -> tuple[Any, Any] | None:
        owner = self.tier_key.owner
        decoded = owner.decode_value(value)
        if decoded is None:
            return None
        result = owner.result_of(decoded)
        content = value.value if not value.is_decoded else owner.encode_result(result)
        return decoded.value if value.header.there else None, (value.header.there, content)

    async def load(self) -> Loaded:
        owner, parameters = self.tier_key.owner, self.tier_key.parameters
        result: LoaderResult[Any] = (await owner.run_loader([parameters], None))[parameters]
        return Loaded(result.value, (result.absence is None, owner.encode_result(result)))

    async def repair(self) -> None:
        owner: Any = self.tier_key.owner
        await self.engine.append(Kind.INVALIDATE, owner.declared_tags(self.tier_key))
        await self._drop()
        await self.engine.refresh(self.tier_key)


class PageSubject(_Tiered):
    def __init__(self, engine: Engine, edge: EdgeCache, key: str) -> None:
        super().__init__(engine, PageKey(key))
        self.edge = edge
        self._page: Page | None = None

    @property
    def lease_key(self) -> str:
        return url_key(self._page.url) if self._page is not None else self.key

    def _decode(self, value: CachedValue) -> tuple[Any, Any] | None:
        try:
            page = value.value if value.is_decoded else read_stored_value(value.value)
        except Unreadable:
            return None
        if not isinstance(page, Page):
            return None
        self._page = page
        return page.body, (page.status, page.body)

    async def load(self) -> Loaded:
        if self._page is None:
            raise CannotLoad(f"{self.key} names no URL.")
        status, body = await call_application(self.edge.origin, self._page)
        if status >= 500:
            raise CannotLoad(f"{self._page.url} answers {status}.")
        return Loaded(body, (status, body))

    async def repair(self) -> None:
        if self._page is not None:
            await self.engine.append(Kind.INVALIDATE, [url_tag(self._page.url)])
            await self._drop()
            await self.edge.make(scope_of(self._page))


def subject_of(engine: Engine, edge: EdgeCache | None, key: str) -> Subject | None:
    """None for keys that tell no resource, parameters or URL: fragments, pages of a view, long keys."""
    if key.startswith(key_prefix(release_digest())):
        is_ours = edge is not None and edge.engine is engine
        return PageSubject(engine, edge, key) if edge is not None and is_ours else None
    entry_key = entry_key_of(key)
    return ResourceSubject(engine, entry_key) if entry_key is not None else None


def is_same(comparable: Comparable, key: str, one: Reading | Loaded, other: Loaded) -> bool:
    """Compare the encoded values. If they differ, compare the parts that the site names."""
    if one.content == other.content:
        return True
    if one.content[0] != other.content[0]:
        return False
    return bool(comparable(key, one.value) == comparable(key, other.value))


def describe_difference(reading: Reading, loaded: Loaded) -> str:
    """A sentence about the difference, without the values of documents."""
    if reading.content[0] != loaded.content[0]:
        return f"It has {_word(reading.content[0])}, the database {_word(loaded.content[0])}."
    stored, made = reading.value, loaded.value
    if isinstance(stored, bytes) and isinstance(made, bytes):
        place = _first_difference(stored, made)
        here, there = stored[place : place + SHOWN], made[place : place + SHOWN]
        return f"The bodies differ from byte {place} on: {here!r}, and by the database {there!r}."
    fields = getattr(stored, "__struct_fields__", ())
    names = [name for name in fields if getattr(stored, name) != getattr(made, name, None)]
    return f"These fields differ: {', '.join(names)}." if names else "The values differ."


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _word(content: Any) -> str:
    return {True: "a value", False: "no value"}[content] if isinstance(content, bool) else f"status {content}"
