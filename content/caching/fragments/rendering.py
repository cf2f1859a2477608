"""Render templates whose fragments are cached.

Django renders a template synchronously and in one go, so a tag cannot await a lookup. While a template is rendered
here, each fragment leaves a placeholder. Then all fragments are looked up at once, without a thread and without
blocking the event loop. Only those that no tier has are rendered.
"""

import copy
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol, cast

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.template import loader

from ..declarations import kinds, page_aliases
from ..engines import engine_of, engines
from ..entry import CachedValue
from ..key import EntryKey, entry_tag
from ..policy import Policy
from ..release import release_digest
from ..resource import Resource
from .reads import PrivateFragment

logger = logging.getLogger("content.caching")

# Private-use characters, which no filter changes, around a number that a client cannot guess.
_PLACEHOLDER = re.compile("\ue000([0-9]+)-([0-9]+)\ue001")

_NEVER = Policy(ttl=timedelta(0))


class Source(Protocol):
    """The template nodes and context of a fragment. `key`: that of its entry."""

    key: str

    def keep(self) -> None:
        """Called before another thread loads."""

    def load(self, *values: Any) -> str: ...


def fragment_key(
    name: str, values: tuple[Any, ...], policy: Policy, tags: tuple[str, ...], alias: str, source: Source | None
) -> EntryKey:
    """The key of a fragment with these values. `source` renders it if no tier has it; without it none may load it.

    Each use of a fragment has its own template context, and so its own loader. The resource is copied for each use;
    its name, counters and keys are shared. Workers cannot load a fragment, and are not asked to.
    """
    resource: Resource[..., str] = copy.copy(_fragment_resource(name, alias, release_digest()))
    key = resource.key(values)
    resource.policy, resource.tags = policy, lambda *parameters: tags or (entry_tag(resource.name, key),)
    if source is not None:
        resource.load = source.load  # type: ignore[assignment]  # a `def`
        resource.prepare = source.keep  # type: ignore[method-assign]
        source.key = key
    return EntryKey(resource, values, key)


@lru_cache(maxsize=1000)
def _fragment_resource(name: str, alias: str, release: str) -> Resource[..., str]:
    def load(version: str) -> str:
        raise NotImplementedError  # replaced in the copy for each use

    page_aliases.add(alias)
    resource: Resource[..., str] = Resource(
        f"fragment.{name}",
        load=load,  # type: ignore[arg-type]
        policy=_NEVER,
        schema=release,
        cache=alias,
        declared=False,
    )
    # Computed here, since its copies share it.
    kinds.add(f"{resource.name}@{resource.schema}")
    return resource


class Placeholders:
    """The fragments of a template that is being rendered."""

    def __init__(self) -> None:
        self._number = str(secrets.randbits(64))
        self.entry_keys: list[EntryKey] = []

    def add(self, entry_key: EntryKey) -> str:
        """Add a fragment. Returns its placeholder in the text."""
        self.entry_keys.append(entry_key)
        return f"\ue000{self._number}-{len(self.entry_keys) - 1}\ue001"

    def fill(self, text: str, parts: list[str]) -> str:
        """Replace the placeholders by the fragments. Placeholders of other renderings stay."""

        def part(match: re.Match[str]) -> str:
            return parts[int(match[2])] if match[1] == self._number else match[0]

        return _PLACEHOLDER.sub(part, text)


# The placeholders of the current rendering; None outside of one.
current_placeholders: ContextVar[Placeholders | None] = ContextVar("current_placeholders", default=None)


async def render_with_fragments(render: Callable[[], Awaitable[str]]) -> str:
    """Call `render` and fill in the fragments. Their tags become dependencies of the caller, as for any resource."""
    placeholders = Placeholders()
    token = current_placeholders.set(placeholders)
    try:
        text = await render()
    finally:
        current_placeholders.reset(token)
    # `join` makes a plain string of a SafeString, as entries hold.
    return placeholders.fill("".join([text]), await load_fragments(placeholders.entry_keys))


# Name and version of fragments that depend on the reader without varying on it. They are rendered for each reader.
private_fragments: set[tuple[str, str]] = set()
_MOST_PRIVATE = 10_000


async def load_fragments(entry_keys: list[EntryKey]) -> list[str]:
    """Load the texts of fragments: one lookup a cache, and one load for each fragment that is missing.

    A fragment that depends on its reader without varying on it is rendered for each reader and not stored.
    """
    while True:
        shared = [entry_key for entry_key in entry_keys if _fragment_of(entry_key) not in private_fragments]
        try:
            texts = await _lookup_fragments(shared)
        except PrivateFragment as error:
            _note_as_private(next(entry_key for entry_key in shared if entry_key.key == error.key), error)
        else:
            return [
                texts[entry_key.key] if entry_key.key in texts else await sync_to_async(_render_alone)(entry_key)
                for entry_key in entry_keys
            ]


def _fragment_of(entry_key: EntryKey) -> tuple[str, str]:
    return entry_key.owner.name, entry_key.parameters[0]


def _note_as_private(entry_key: EntryKey, error: PrivateFragment) -> None:
    if len(private_fragments) >= _MOST_PRIVATE:
        private_fragments.clear()
    private_fragments.add(_fragment_of(entry_key))
    logger.warning(
        "%s It is rendered for each reader. To cache it, add the values that it reads after its name.",
        error,
    )


def lookup_fragment(entry_key: EntryKey) -> str | None:
    """The text of a fragment that memory has, fresh; None if there is more to do."""
    resource = _resource(entry_key)
    engine = engines.get(resource.cache)
    if engine is None or (private_fragments and _fragment_of(entry_key) in private_fragments):
        return None
    answer = engine.lookup_fresh(entry_key)
    return resource.deliver(answer, entry_key) if answer is not None else None


def load_fragment(entry_key: EntryKey, source: Source) -> str:
    """Like load_fragments, for one fragment, in a thread without an event loop."""
    resource = _resource(entry_key)
    if _fragment_of(entry_key) not in private_fragments:
        engine = engine_of(resource.cache)
        answer = engine.lookup_memory(entry_key)
        try:
            if answer is None:
                source.keep()
                answer = engine.sync.find_one(entry_key)
            return resource.deliver(answer, entry_key)
        except PrivateFragment as error:
            _note_as_private(entry_key, error)
    source.keep()
    return _render_alone(entry_key)


def _render_alone(entry_key: EntryKey) -> str:
    try:
        return cast(str, _resource(entry_key).load(*entry_key.parameters))
    except PrivateFragment as error:
        return error.text


async def _lookup_fragments(entry_keys: list[EntryKey]) -> dict[str, str]:
    """Look up or load fragments. Returns their texts by key."""
    by_alias: dict[str, dict[str, EntryKey]] = {}
    for entry_key in entry_keys:
        by_alias.setdefault(_resource(entry_key).cache, {}).setdefault(entry_key.key, entry_key)
    cached_values: dict[str, CachedValue] = {}
    for alias, unique in by_alias.items():
        cached_values |= await engine_of(alias).find(list(unique.values()))
    return {key.key: _resource(key).deliver(cached_values[key.key], key) for key in entry_keys}


def _resource(entry_key: EntryKey) -> Resource[..., str]:
    return cast(Resource[..., str], entry_key.owner)


async def render_to_string(
    template_name: str | Sequence[str],
    context: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    *,
    using: str | None = None,
) -> str:
    """Like Django's `render_to_string`, for templates with fragments."""
    template = (
        loader.get_template(template_name, using=using)
        if isinstance(template_name, str)
        else loader.select_template(list(template_name), using=using)
    )

    async def on_this_loop() -> str:
        return template.render(dict(context or {}), request)

    return await render_with_fragments(on_this_loop)


async def render(
    request: HttpRequest,
    template_name: str | Sequence[str],
    context: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    status: int | None = None,
    using: str | None = None,
) -> HttpResponse:
    """Like `django.shortcuts.render`, for async views."""
    text = await render_to_string(template_name, context, request, using=using)
    return HttpResponse(text, content_type=content_type, status=status)
