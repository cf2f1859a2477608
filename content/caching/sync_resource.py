"""The sync methods of a resource, for threads without an event loop."""

from asyncio import _get_running_loop
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from django.core.exceptions import SynchronousOnlyOperation

from .dependencies import trackers
from .engines import engine_of, engines
from .entry import CachedValue
from .key import EntryKey, Parameters
from .lasting_loop import run_inline
from .loader_call import LoaderResult
from .ordering.tag_index import Kind
from .transactions import _thread, bypass, bypasses, has_written, is_bypassed

P = ParamSpec("P")
T = TypeVar("T")

MAX_KNOWN_KEYS = 10_000


class SyncMethods(Generic[P, T]):
    """The async methods of the same names describe them. A hit in memory costs a function call.

    A `def` loader runs in the caller's thread; the hard timeout of its policy does not end it. In a transaction that
    has written, reads go to the database, and nothing is stored. Raises SynchronousOnlyOperation on an event loop.
    """

    cache: str
    # Whether a loader is `async def`.
    is_async: bool
    known_entry_keys: dict[Parameters, EntryKey]

    def get_sync(self, *args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs or _thread.writes or bypasses or _get_running_loop() is not None:
            return self._get_sync(self.entry_key(args, kwargs))
        for parameter in args:
            # Equal parameters of other types may have other keys (1 == True).
            if type(parameter) is not str and type(parameter) is not int:
                return self._get_sync(self.entry_key(args, kwargs))
        entry_key, engine = self.known_entry_keys.get(args), engines.get(self.cache)
        if entry_key is None or engine is None:
            return self._get_sync(self._remember(self.entry_key(args, kwargs)))
        answer = engine.lookup_fresh(entry_key)
        if answer is None:
            answer = engine.lookup_memory(entry_key) or engine.sync.find_one(entry_key)
        elif answer.is_decoded and not trackers.get():
            return answer.value  # type: ignore[no-any-return]
        return self.deliver(answer, entry_key)

    def _remember(self, entry_key: EntryKey) -> EntryKey:
        """Remember the key for the next call with these parameters, if they are plain."""
        if len(self.known_entry_keys) >= MAX_KNOWN_KEYS:
            self.known_entry_keys.clear()
        self.known_entry_keys[entry_key.parameters] = entry_key
        return entry_key

    def _get_sync(self, entry_key: EntryKey) -> T:
        if _bypasses_cache():
            return self._load_past_cache_sync([entry_key])[entry_key.parameters].get()
        engine = engine_of(self.cache)
        answer = engine.lookup_memory(entry_key)
        if answer is None:
            answer = engine.sync.find_one(entry_key)
        return self.deliver(answer, entry_key)

    def get_many_sync(self, keys: Iterable[Hashable]) -> dict[Any, T]:
        entry_keys = self.entry_keys(keys)
        if _bypasses_cache():
            return present(entry_keys, self._load_past_cache_sync(entry_keys.values()))
        engine, answers, missing = engine_of(self.cache), dict[str, CachedValue](), dict[str, EntryKey]()
        for entry_key in entry_keys.values():
            answer = engine.lookup_memory(entry_key)
            if answer is None:
                missing[entry_key.key] = entry_key
            else:
                answers[entry_key.key] = answer
        if missing:
            answers |= engine.sync.find(list(missing.values()))
        return self.deliver_many(entry_keys, answers)

    def refresh_sync(self, *args: P.args, **kwargs: P.kwargs) -> T:
        entry_key = self.entry_key(args, kwargs)
        if _bypasses_cache():
            return self._load_past_cache_sync([entry_key])[entry_key.parameters].get()
        return self.deliver(engine_of(self.cache).sync.refresh(entry_key), entry_key)

    def set_sync(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        if not _bypasses_cache():
            engine_of(self.cache).sync.store(self.entry_key(args, kwargs), LoaderResult(value))

    def invalidate_sync(self, *args: P.args, **kwargs: P.kwargs) -> None:
        engine_of(self.cache).append_sync(Kind.INVALIDATE, self.declared_tags(self.entry_key(args, kwargs)))

    def expire_sync(self, *args: P.args, **kwargs: P.kwargs) -> None:
        engine_of(self.cache).append_sync(Kind.EXPIRE, self.declared_tags(self.entry_key(args, kwargs)))

    def _load_past_cache_sync(self, entry_keys: Collection[EntryKey]) -> dict[Parameters, LoaderResult[T]]:
        """Load in this thread, which may be inside the transaction.

        The queries of an async loader come back to it.
        """
        with bypass():
            if self.is_async:
                return async_to_sync(self.load_past_cache)(entry_keys)
            return run_inline(self.load_past_cache(entry_keys))

    def entry_keys(self, keys: Iterable[Hashable]) -> dict[Hashable, EntryKey]:
        return {key: self.entry_key(key if isinstance(key, tuple) else (key,), {}) for key in keys}

    def deliver_many(self, entry_keys: Mapping[Any, EntryKey], answers: Mapping[str, CachedValue]) -> dict[Any, T]:
        found = ((key, entry_key, answers[entry_key.key]) for key, entry_key in entry_keys.items())
        return {key: self.deliver(answer, entry_key) for key, entry_key, answer in found if answer.header.there}

    # --- what Resource has ------------------------------------------------------------------------------

    def entry_key(self, args: Parameters, kwargs: Mapping[str, Any]) -> EntryKey:
        raise NotImplementedError

    def declared_tags(self, entry_key: EntryKey) -> Sequence[str]:
        raise NotImplementedError

    def deliver(self, answer: CachedValue, entry_key: EntryKey) -> T:
        raise NotImplementedError

    async def load_past_cache(self, entry_keys: Collection[EntryKey]) -> dict[Parameters, LoaderResult[T]]:
        raise NotImplementedError


def present(entry_keys: Mapping[Any, EntryKey], loaded: Mapping[Parameters, LoaderResult[T]]) -> dict[Any, T]:
    """The values that are there, by the keys of get_many."""
    found = {key: loaded[entry_key.parameters] for key, entry_key in entry_keys.items()}
    return {key: result.get() for key, result in found.items() if result.absence is None}


def _bypasses_cache() -> bool:
    """Whether a sync reader bypasses the cache. Raises SynchronousOnlyOperation on an event loop."""
    if _get_running_loop() is not None:
        raise SynchronousOnlyOperation(
            "The event loop of this thread would stand still while a sync method waits. Await the async one instead."
        )
    return has_written() or (bool(bypasses) and is_bypassed())
