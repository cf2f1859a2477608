"""A text with holes in it, and what belongs there.

Django renders a template in one go and synchronously, so a tag cannot await a lookup. While a page is rendered here,
a fragment leaves a mark and is noted; then all that were noted are looked up at once, without a thread and without
blocking anybody, and only what no tier has is rendered.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import cast

from ..engines import engine_of
from ..entry import CachedValue
from ..key import EntryKey
from ..resource import Resource
from .reads import PrivateFragment

logger = logging.getLogger("content.caching")

# Characters for private use: no filter changes them, and nobody guesses the number between them.
MARK = re.compile("\ue000([0-9]+)-([0-9]+)\ue001")


class Page:
    def __init__(self) -> None:
        self.number = str(secrets.randbits(64))
        self.entry_keys: list[EntryKey] = []

    def add_hole(self, entry_key: EntryKey) -> str:
        self.entry_keys.append(entry_key)
        return f"\ue000{self.number}-{len(self.entry_keys) - 1}\ue001"

    def fill(self, text: str, parts: list[str]) -> str:
        """Marks of others are text like any other."""

        def part(match: re.Match[str]) -> str:
            return parts[int(match[2])] if match[1] == self.number else match[0]

        return MARK.sub(part, text)


# The page that is being rendered, where one is.
current_page: ContextVar[Page | None] = ContextVar("current_page", default=None)


async def render_with_fragments(render: Callable[[], Awaitable[str]]) -> str:
    """What `render` gives, with its fragments. Their tags go to whatever collects, as those of any resource do."""
    page = Page()
    token = current_page.set(page)
    try:
        text = await render()
    finally:
        current_page.reset(token)
    # Joined, for templates give a safe string, and entries hold plain ones.
    return page.fill("".join([text]), await load_fragments(page.entry_keys))


# Fragments, by name and version, that were made of data of one reader: they are rendered for each.
private: set[tuple[str, str]] = set()
MOST_PRIVATE = 10_000


async def load_fragments(entry_keys: list[EntryKey]) -> list[str]:
    """One lookup for all of one cache, one load for each that is missing.

    A fragment that reads data of its reader, and does not vary on it, is rendered for each reader and not stored.
    """
    while True:
        shared = [entry_key for entry_key in entry_keys if fragment_of(entry_key) not in private]
        try:
            texts = await lookup_fragments(shared)
        except PrivateFragment as error:
            note_as_private(next(entry_key for entry_key in shared if entry_key.key == error.key), error)
        else:
            return [
                texts[entry_key.key] if entry_key.key in texts else await render_alone(entry_key)
                for entry_key in entry_keys
            ]


def fragment_of(entry_key: EntryKey) -> tuple[str, str]:
    return entry_key.owner.name, entry_key.parameters[0]


def note_as_private(entry_key: EntryKey, error: PrivateFragment) -> None:
    if len(private) >= MOST_PRIVATE:
        private.clear()
    private.add(fragment_of(entry_key))
    logger.warning(
        "%s It is rendered for each reader. To cache it, name what it reads behind the fragment's name.", error
    )


async def render_alone(entry_key: EntryKey) -> str:
    try:
        return await _resource(entry_key).load(*entry_key.parameters)
    except PrivateFragment as error:
        return error.text


async def lookup_fragments(entry_keys: list[EntryKey]) -> dict[str, str]:
    """Texts by key."""
    by_alias: dict[str, dict[str, EntryKey]] = {}
    for entry_key in entry_keys:
        by_alias.setdefault(_resource(entry_key).cache, {}).setdefault(entry_key.key, entry_key)
    answers: dict[str, CachedValue] = {}
    for alias, unique in by_alias.items():
        answers |= await engine_of(alias).find(list(unique.values()))
    return {key.key: _resource(key).deliver(answers[key.key], key) for key in entry_keys}


def _resource(entry_key: EntryKey) -> Resource[..., str]:
    return cast(Resource[..., str], entry_key.owner)
