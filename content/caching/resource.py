import copy
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import msgspec
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ObjectDoesNotExist

from .cutoff import find_shown
from .declarations import by_place, check_declaration, declare, loader_signature, return_type, tags_by_place
from .dependencies import add_dependency, trackers
from .engine import Engine
from .engines import engine_of, engines
from .entry import CachedValue, Header, is_immutable
from .errors import NotThere, Unreadable
from .explain import explain_entry
from .key import EntryKey, Parameters, hashable_key, resource_key, resource_tag
from .loader_call import LoaderResult, call_loader, previous_value
from .metrics.events import counters_for
from .ordering.tag_index import Kind
from .policy import Policy, Times
from .resource_tags import ResourceTags
from .schema import schema_of
from .serializer import decode
from .sync_resource import MAX_KNOWN_KEYS, SyncMethods, present
from .transactions import bypasses, is_bypassed

P = ParamSpec("P")
T = TypeVar("T")

LARGEST = 4 * 1024 * 1024


class Resource(ResourceTags, SyncMethods[P, T]):
    """A named, declared kind of cached value.

    name        in keys and events; one resource a name
    load        def or async def, parameters -> value; raises NotThere for "no such thing". Its return annotation
                is what stored values are decoded to: a msgspec Struct or plain data, best frozen
    load_many   def or async def, a sequence of parameters (each bare if there is one, else a tuple) -> a
                mapping from them to values; what is left out is not there
    policy      how long entries live
    tags        parameters -> the tags every entry for them carries, "not there" included; without it,
                each entry has its own key for a tag
    value_tags  value -> the tags it adds
    adapt       value, policy -> the policy for that value
    schema      raise it when a loader gives other content of the same shape: older entries are then not looked up.
                Keys carry it in a digest, with the type of the value and the text of tags, value_tags and adapt
    cache       the Django cache alias
    cutoff      True for a derived value (a ranking, a count) that others show in passing: a new value that equals
                the old one makes none of them stale
    largest     bytes: larger values are answered and not stored
    declared    False where it can be loaded by its reader alone: workers are not asked to
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
        schema: int | str = 1,
        cache: str = "default",
        cutoff: bool = False,
        largest: int = LARGEST,
        declared: bool = True,
    ) -> None:
        check_declaration(name, policy, load, load_many, tags, value_tags, adapt)
        self.name = name
        self.load = by_place(load)
        self.load_many = load_many
        self.is_async = iscoroutinefunction(self.load) or iscoroutinefunction(load_many)
        self.policy = policy
        self.signature = loader_signature(load, name)
        self.tags = tags_by_place(tags, tuple(self.signature.parameters), name) if tags is not None else None
        self.value_tags = value_tags
        self.adapt = adapt
        self.cache = cache
        self.cutoff = cutoff
        self.largest = largest
        self.own_tag = resource_tag(name)
        self.arity = len(self.signature.parameters)
        self.known_keys: dict[Parameters, str] = {}
        self.known_entry_keys: dict[Parameters, EntryKey] = {}
        self.counters = counters_for(name)
        returned = return_type(load, name)
        self._declared_schema = returned, schema
        self._schema = ""
        self.is_immutable = is_immutable(returned)
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(returned).decode
        if declared:
            declare(self)

    @property
    def engine(self) -> Engine:
        return engines.get(self.cache) or engine_of(self.cache)

    @property
    def schema(self) -> str:
        """The part of keys that stands for the shape of the values and the rules of their tags.

        Computed on first use.
        """
        if not self._schema:
            returned, number = self._declared_schema
            self._schema = schema_of(returned, (self.tags, self.value_tags, self.adapt), number, self.cutoff)
        return self._schema

    def using(self, **policy: Any) -> "Resource[P, T]":
        """The same resource with other times for what it loads: `article.using(hard_timeout=...).get(slug)`."""
        other = copy.copy(self)
        other.policy = replace(self.policy, **policy)
        # An EntryKey names its owner, which has the policy.
        other.known_entry_keys = {}
        return other

    def prepare(self) -> None:
        """Called before another thread than the reader's may load."""

    # --- reading ------------------------------------------------------------------------------------

    async def get(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value for these parameters, from cache or loaded; raises NotThere, and what the loader raises."""
        entry_key = self.entry_key(args, kwargs)
        if bypasses and is_bypassed():
            return (await self.load_past_cache([entry_key]))[entry_key.parameters].get()
        engine = engines.get(self.cache) or engine_of(self.cache)
        answer = engine.lookup_memory(entry_key)
        if answer is None:
            answer = await engine.find_one(entry_key)
        return self.deliver(answer, entry_key)

    async def get_many(self, keys: Iterable[Hashable]) -> dict[Any, T]:
        """Values by parameters, in their order, duplicates once; what is not there is left out.

        Each key is the parameter itself where the resource has one, else a tuple of them. One lookup for all,
        one round of leases for what is missing, one `load_many` for what is ours to load.
        """
        entry_keys = self.entry_keys(keys)
        if bypasses and is_bypassed():
            return present(entry_keys, await self.load_past_cache(entry_keys.values()))
        answers = await self.engine.find(
            list({entry_key.key: entry_key for entry_key in entry_keys.values()}.values())
        )
        return self.deliver_many(entry_keys, answers)

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Load again whatever is cached, store it, and return it; raises NotThere.

        After a write and its invalidation this is write-through: the load begins behind the record.
        """
        entry_key = self.entry_key(args, kwargs)
        if bypasses and is_bypassed():
            return (await self.load_past_cache([entry_key]))[entry_key.parameters].get()
        return self.deliver(await self.engine.refresh(entry_key), entry_key)

    async def fresh_for(self, *args: P.args, **kwargs: P.kwargs) -> float:
        """Seconds for which the stored entry is still fresh and valid; 0 when there is none."""
        return await self.engine.fresh_for(self.entry_key(args, kwargs))

    async def explain(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """The entry for these parameters in each tier, its tags, and its state, as plain data."""
        return await explain_entry(self.engine.tiers, self.entry_key(args, kwargs))

    # --- writing ------------------------------------------------------------------------------------

    async def set(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        """Store a value that the caller has just computed, as if a load that began now had returned it.

        Only for a value that nobody else writes at the same time: of two writers that set what each
        wrote, the older may win. After a write to the database use refresh.
        """
        await self.engine.store(self.entry_key(args, kwargs), LoaderResult(value))

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Never serve what was loaded for these parameters before this call.

        Invalidates the tags declared for them, and so what else carries these.
        """
        await self.engine.append(Kind.INVALIDATE, self.declared_tags(self.entry_key(args, kwargs)))

    async def expire(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Like invalidate, but the stored value is served, as stale, until it is loaded again."""
        await self.engine.append(Kind.EXPIRE, self.declared_tags(self.entry_key(args, kwargs)))

    # --- past the cache -------------------------------------------------------------------------------

    async def load_past_cache(self, entry_keys: Collection[EntryKey]) -> dict[Parameters, LoaderResult[T]]:
        """The loader's results. Values made of them are not stored: they may show rows that are never committed."""
        for entry_key in entry_keys:
            add_dependency(entry_key.key, (), 0.0, 0.0, stale=True)
        shown: dict[Parameters, LoaderResult[T]] = await find_shown(self.engine.tiers, entry_keys)
        missing = [each.parameters for each in entry_keys if each.parameters not in shown]
        return shown | await self.run_loader(missing, None) if missing else shown

    # --- what the engine asks -------------------------------------------------------------------------

    def entry_key(self, args: Parameters, kwargs: Mapping[str, Any]) -> EntryKey:
        parameters = args if not kwargs and len(args) == self.arity else self._bind(args, kwargs)
        return EntryKey(self, parameters, self.key(parameters))

    def _bind(self, args: Parameters, kwargs: Mapping[str, Any]) -> Parameters:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def key(self, parameters: Parameters) -> str:
        """Known ones are looked up, where equal parameters are sure to have equal keys (1 == True has not)."""
        for parameter in parameters:
            if type(parameter) is not str and type(parameter) is not int:
                return hashable_key(self.name, self.schema, parameters)
        key = self.known_keys.get(parameters)
        if key is None:
            if len(self.known_keys) >= MAX_KNOWN_KEYS:
                self.known_keys.clear()
            key = self.known_keys[parameters] = resource_key(self.name, self.schema, parameters)
        return key

    async def run_loader(
        self, wanted: Sequence[Parameters], earlier: CachedValue | None
    ) -> dict[Parameters, LoaderResult[T]]:
        if earlier is not None and earlier.header.there:
            previous_value.set(earlier.value)
        if self.load_many is None or len(wanted) == 1:
            return {parameters: await self._load_one(parameters) for parameters in wanted}
        keys = {_bare(parameters): parameters for parameters in wanted}
        values = await call_loader(self.load_many, list(keys))
        return {
            parameters: LoaderResult(values[key]) if key in values else LoaderResult(absence=NotThere(self.name))
            for key, parameters in keys.items()
        }

    async def _load_one(self, parameters: Parameters) -> LoaderResult[T]:
        try:
            return LoaderResult(await call_loader(self.load, *parameters))
        except NotThere as absence:
            return LoaderResult(absence=absence)
        except ObjectDoesNotExist as error:
            return LoaderResult(absence=NotThere(self.name).with_cause(error))

    def result_of(self, answer: CachedValue) -> LoaderResult[T]:
        return LoaderResult(answer.value) if answer.header.there else LoaderResult(absence=NotThere(self.name))

    def times_of(self, loaded: LoaderResult[T], now: float, chance: float) -> Times:
        policy = self.policy
        if loaded.absence is not None:
            policy = policy.until(loaded.absence.until)
        elif self.adapt:
            policy = self.adapt(loaded.value, policy)  # type: ignore[arg-type]
        return policy.times(now, chance, there=loaded.absence is None)

    def encode_result(self, loaded: LoaderResult[T]) -> bytes:
        return b"" if loaded.absence is not None else self.encode(loaded.value)

    def to_cached_value(self, header: Header, loaded: LoaderResult[T], encoded: bytes) -> CachedValue:
        if loaded.absence is not None or not self.is_immutable:
            return CachedValue(header, encoded, is_decoded=False)
        return CachedValue(header, loaded.value, is_decoded=True)

    def decode_value(self, answer: CachedValue) -> CachedValue | None:
        """The value, decoded; None for bytes that are no such value."""
        if answer.is_decoded or not answer.header.there:
            return answer
        try:
            value = decode(self.decode, answer.value)
        except Unreadable:
            return None
        return CachedValue(
            answer.header, value, is_decoded=True, stale=answer.stale, verdict=answer.verdict, version=answer.version
        )

    def deliver(self, answer: CachedValue, entry_key: EntryKey) -> T:
        """The reader's value, noted as a dependency. Raises NotThere for a negative entry."""
        header = answer.header
        if trackers.get():
            add_dependency(
                entry_key.key,
                header.tags,
                header.fresh_until,
                header.stale_until,
                stale=answer.stale,
                tags_in_passing=self.tags_in_passing(entry_key),
            )
        if not header.there:
            raise NotThere(self.name, tags=header.tags) from getattr(answer, "cause", None)
        return answer.value if answer.is_decoded else self.decode(answer.value)


def _bare(parameters: Parameters) -> Any:
    """The names that get_many and load_many use: a single parameter itself, else the tuple."""
    return parameters[0] if len(parameters) == 1 else parameters
