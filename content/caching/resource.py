import inspect
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints

import msgspec
from asgiref.sync import async_to_sync

from content.caching import tags as tag_versions
from content.caching.entry import Entry, Header, Unreadable, pack, unpack
from content.caching.errors import LoadError, NotThere
from content.caching.events import record
from content.caching.keys import resource_key, tag_key
from content.caching.policy import Policy
from content.caching.store import Store
from content.caching.tags import GENERATION

P = ParamSpec("P")
T = TypeVar("T")

Parameters = tuple[Any, ...]


class Found(Generic[T]):
    """An answer on its way out: a value, or the NotThere that stands for it."""

    __slots__ = ("absence", "value")

    def __init__(self, value: T | None = None, absence: NotThere | None = None) -> None:
        self.value = value
        self.absence = absence

    def unwrap(self) -> T:
        if self.absence is not None:
            raise self.absence
        return self.value  # type: ignore[return-value]


class Resource(Generic[P, T]):
    """A named, declared kind of cached value.

    name        in keys and events; one resource a name
    load        async, parameters -> value; raises NotThere for "no such thing". Its return annotation is
                what stored values are decoded to: a msgspec Struct or plain data, frozen
    load_many   async, a sequence of parameters (each bare if there is one, else a tuple) -> a mapping from
                them to values; what is left out is not there
    policy      how long entries live
    tags        parameters -> the tags every entry for them carries, "not there" included; without it,
                each entry has its own key for a tag
    value_tags  value -> the tags it adds
    adapt       value, policy -> the policy for that value
    schema      raise it when the shape of the value changes: older entries are then not looked up
    cache       the Django cache alias
    """

    def __init__(
        self,
        name: str,
        *,
        load: Callable[P, Awaitable[T]],
        policy: Policy,
        load_many: Callable[[Sequence[Any]], Awaitable[Mapping[Any, T]]] | None = None,
        tags: Callable[P, Iterable[str]] | None = None,
        value_tags: Callable[[T], Iterable[str]] | None = None,
        adapt: Callable[[T, Policy], Policy] | None = None,
        schema: int = 1,
        cache: str = "default",
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.load = load
        self.load_many = load_many
        self.policy = policy
        self.tags = tags
        self.value_tags = value_tags
        self.adapt = adapt
        self.schema = schema
        self.clock = clock
        self.chance = chance
        self.store = Store(cache)
        self.signature = inspect.signature(load)
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(returned_type(load)).decode

    # --- reading ------------------------------------------------------------------------------------

    async def get(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value for these parameters, from cache or loaded; raises NotThere."""
        parameters = self.bind(*args, **kwargs)
        found = await self.find([parameters])
        return found[parameters].unwrap()

    async def get_many(self, keys: Iterable[Hashable]) -> dict[Any, T]:
        """Values by parameters, in their order, duplicates once; what is not there is left out.

        Each key is the parameter itself where the resource has one, else a tuple of them.
        """
        parameters = {key: self.bind(*(key if isinstance(key, tuple) else (key,))) for key in keys}
        found = await self.find(list(dict.fromkeys(parameters.values())))
        answers = {key: found[parameters[key]] for key in parameters}
        return {key: answer.unwrap() for key, answer in answers.items() if answer.absence is None}

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Load again whatever is cached, store it, and return it; raises NotThere."""
        parameters = self.bind(*args, **kwargs)
        generation = await tag_versions.read_generation(self.store)
        loaded = await self.load_and_store([parameters], generation)
        return loaded[parameters].unwrap()

    async def fresh_for(self, *args: P.args, **kwargs: P.kwargs) -> float:
        """Seconds for which the stored entry is still fresh and valid; 0 when there is none."""
        parameters = self.bind(*args, **kwargs)
        entries, _ = await self.lookup([parameters])
        entry = entries.get(parameters)
        return entry.header.fresh_until - self.clock() if entry else 0.0

    # --- writing ------------------------------------------------------------------------------------

    async def set(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        """Store a value that the caller has just computed, as if a load had returned it now.

        Only for a value that nobody else writes at the same time: of two writers that set what each
        wrote, the older may win. After a write to the database use refresh.
        """
        generation = await tag_versions.read_generation(self.store)
        await self.keep({self.bind(*args, **kwargs): Found(value)}, generation, cost=0.0)

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Never serve what was loaded for these parameters before this call.

        Invalidates the tags declared for them, and so what else carries these.
        """
        declared = self.declared_tags(self.bind(*args, **kwargs))
        await tag_versions.invalidate(declared, cache=self.store.alias)

    # --- sync twins, for code that has no event loop --------------------------------------------------

    def get_sync(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return async_to_sync(self.get)(*args, **kwargs)

    def get_many_sync(self, keys: Iterable[Hashable]) -> dict[Any, T]:
        return async_to_sync(self.get_many)(keys)

    def refresh_sync(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return async_to_sync(self.refresh)(*args, **kwargs)

    def set_sync(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        async_to_sync(self.set)(value, *args, **kwargs)

    def invalidate_sync(self, *args: P.args, **kwargs: P.kwargs) -> None:
        async_to_sync(self.invalidate)(*args, **kwargs)

    # --- the steps ----------------------------------------------------------------------------------

    def bind(self, *args: Any, **kwargs: Any) -> Parameters:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def key(self, parameters: Parameters) -> str:
        return resource_key(self.name, self.schema, parameters)

    async def find(self, wanted: Sequence[Parameters]) -> dict[Parameters, Found[T]]:
        """One lookup for all, one load for what was not found."""
        entries, generation = await self.lookup(wanted)
        found: dict[Parameters, Found[T]] = {}
        for parameters, entry in entries.items():
            answer = self.opened(entry)
            if answer is not None:
                found[parameters] = answer
        missing = [parameters for parameters in wanted if parameters not in found]
        if missing:
            record("miss", self.name, len(missing))
            if generation is None:
                generation = await tag_versions.read_generation(self.store)
            found |= await self.load_and_store(missing, generation)
        return found

    async def lookup(self, wanted: Sequence[Parameters]) -> tuple[dict[Parameters, Entry], int | None]:
        """The entries that are fresh and valid, and the generation."""
        keys = {parameters: self.key(parameters) for parameters in wanted}
        stored = await self.store.lookup([*keys.values(), GENERATION])
        generation = stored.get(GENERATION)
        entries = {
            parameters: entry
            for parameters, key in keys.items()
            if key in stored and (entry := self.readable(stored[key])) and self.is_fresh(entry)
        }
        return await self.valid(entries, generation), generation

    def readable(self, stored: object) -> Entry | None:
        try:
            return unpack(stored)
        except Unreadable:
            record("unreadable", self.name)
            return None

    def is_fresh(self, entry: Entry) -> bool:
        return self.clock() < entry.header.fresh_until

    async def valid(self, entries: dict[Parameters, Entry], generation: int | None) -> dict[Parameters, Entry]:
        """Without those of which a tag was invalidated since they were made."""
        doubtful = {
            tag
            for entry in entries.values()
            if entry.header.generation != generation
            for tag in entry.header.versions
        }
        if not doubtful:
            return entries
        found = await self.store.lookup([tag_key(tag) for tag in doubtful])
        return {
            parameters: entry
            for parameters, entry in entries.items()
            if entry.header.generation == generation or tag_versions.are_current(entry.header.versions, found)
        }

    def opened(self, entry: Entry) -> Found[T] | None:
        """What a reader gets of an entry; None if its value cannot be decoded."""
        if not entry.header.there:
            record("negative", self.name)
            return Found(absence=NotThere(self.name))
        try:
            value = self.decode(entry.value)
        except msgspec.MsgspecError:
            record("unreadable", self.name)
            return None
        record("hit", self.name)
        return Found(value)

    async def load_and_store(
        self, wanted: Sequence[Parameters], generation: int | None
    ) -> dict[Parameters, Found[T]]:
        """Load, then store; `generation` was read before."""
        began = self.clock()
        try:
            loaded = await self.loaded(wanted)
        except Exception:
            record("failed", self.name, len(wanted))
            raise
        record("load", self.name, len(wanted))
        await self.keep(loaded, generation, cost=(self.clock() - began) / len(wanted))
        return loaded

    async def loaded(self, wanted: Sequence[Parameters]) -> dict[Parameters, Found[T]]:
        if self.load_many is None or len(wanted) == 1:
            return {parameters: await self.loaded_one(parameters) for parameters in wanted}
        keys = {bare(parameters): parameters for parameters in wanted}
        values = await self.load_many(list(keys))
        return {
            parameters: Found(values[key]) if key in values else Found(absence=NotThere(self.name))
            for key, parameters in keys.items()
        }

    async def loaded_one(self, parameters: Parameters) -> Found[T]:
        try:
            return Found(await self.load(*parameters))  # type: ignore[call-arg]
        except NotThere as absence:
            return Found(absence=absence)

    async def keep(self, loaded: Mapping[Parameters, Found[T]], generation: int | None, cost: float) -> None:
        """Store what no invalidation has overtaken; tags.py has the reasons, step by step."""
        tags = {parameters: self.tags_of(parameters, found) for parameters, found in loaded.items()}
        all_tags = {tag for some in tags.values() for tag in some}
        versions, generation_now = await tag_versions.read_versions(self.store, all_tags)
        if generation is None or generation_now != generation or len(versions) != len(all_tags):
            record("refused", self.name, len(loaded))
            return
        entries, lifetimes = {}, [0.0]
        for parameters, found in loaded.items():
            lifetime = self.lifetime(found)
            if lifetime > 0:
                carried = {tag: versions[tag] for tag in tags[parameters]}
                entries[self.key(parameters)] = self.packed(found, lifetime, generation, carried, cost)
                lifetimes.append(lifetime)
        if entries and not await self.store.store(entries, max(lifetimes)):
            record("refused", self.name, len(entries))

    def tags_of(self, parameters: Parameters, found: Found[T]) -> tuple[str, ...]:
        tags = self.declared_tags(parameters)
        if found.absence is not None:
            tags += found.absence.tags
        elif self.value_tags:
            tags += self.value_tags(found.value)  # type: ignore[arg-type]
        return tag_versions.bounded_tags(tags)

    def declared_tags(self, parameters: Parameters) -> list[str]:
        """What every entry for these parameters depends on; its own key where nothing is declared."""
        if self.tags is None:
            return [self.key(parameters)]
        return list(self.tags(*parameters))  # type: ignore[call-arg]

    def lifetime(self, found: Found[T]) -> float:
        """Seconds this answer is fresh."""
        policy = self.policy
        if found.absence is not None:
            policy = policy.until(found.absence.until)
        elif self.adapt:
            policy = self.adapt(found.value, policy)  # type: ignore[arg-type]
        return policy.fresh_for(self.clock(), self.chance(), there=found.absence is None)

    def packed(
        self, found: Found[T], lifetime: float, generation: int, versions: dict[str, int], cost: float
    ) -> bytes:
        now = self.clock()
        header = Header(
            made_at=now,
            fresh_until=now + lifetime,
            there=found.absence is None,
            generation=generation,
            versions=versions,
            cost=cost,
        )
        return pack(Entry(header, b"" if found.absence is not None else self.encode(found.value)))


def bare(parameters: Parameters) -> Any:
    """As get_many and load_many name them: the one parameter itself, or the tuple."""
    return parameters[0] if len(parameters) == 1 else parameters


def returned_type(load: Callable[..., Any]) -> Any:
    hints = get_type_hints(load)
    if "return" not in hints:
        raise LoadError(f"{load.__qualname__} needs a return annotation: stored values are decoded to it.")
    return hints["return"]
