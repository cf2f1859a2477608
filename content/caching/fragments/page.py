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

from content.caching.answer import Answer
from content.caching.fragments.reads import PrivateFragment
from content.caching.registry import engine_of
from content.caching.want import Want

logger = logging.getLogger("content.caching")

# Characters for private use: no filter changes them, and nobody guesses the number between them.
MARK = re.compile("\ue000([0-9]+)-([0-9]+)\ue001")


class Page:
    def __init__(self) -> None:
        self.number = str(secrets.randbits(64))
        self.wants: list[Want] = []

    def hole_for(self, want: Want) -> str:
        self.wants.append(want)
        return f"\ue000{self.number}-{len(self.wants) - 1}\ue001"

    def filled(self, text: str, parts: list[str]) -> str:
        """Marks of others are text like any other."""

        def part(match: re.Match[str]) -> str:
            return parts[int(match[2])] if match[1] == self.number else match[0]

        return MARK.sub(part, text)


# The page that is being rendered, where one is.
current_page: ContextVar[Page | None] = ContextVar("current_page", default=None)


async def filled_page(render: Callable[[], Awaitable[str]]) -> str:
    """What `render` gives, with its fragments. Their tags go to whatever collects, as those of any resource do."""
    page = Page()
    token = current_page.set(page)
    try:
        text = await render()
    finally:
        current_page.reset(token)
    # Joined, for templates give a safe string, and entries hold plain ones.
    return page.filled("".join([text]), await found(page.wants))


# Fragments, by name and version, that were made of data of one reader: they are rendered for each.
private: set[tuple[str, str]] = set()
MOST_PRIVATE = 10_000


async def found(wants: list[Want]) -> list[str]:
    """One lookup for all of one cache, one load for each that is missing.

    A fragment that reads data of its reader, and does not vary on it, is rendered for each reader and not stored.
    """
    while True:
        shared = [want for want in wants if fragment_of(want) not in private]
        try:
            texts = await looked_up(shared)
        except PrivateFragment as error:
            note_as_private(next(want for want in shared if want.key == error.key), error)
        else:
            return [texts[want.key] if want.key in texts else await rendered(want) for want in wants]


def fragment_of(want: Want) -> tuple[str, str]:
    return want.resource.name, want.parameters[0]


def note_as_private(want: Want, error: PrivateFragment) -> None:
    if len(private) >= MOST_PRIVATE:
        private.clear()
    private.add(fragment_of(want))
    logger.warning(
        "%s It is rendered for each reader. To cache it, name what it reads behind the fragment's name.", error
    )


async def rendered(want: Want) -> str:
    try:
        return await want.resource.load(*want.parameters)  # type: ignore[no-any-return]
    except PrivateFragment as error:
        return error.text


async def looked_up(wants: list[Want]) -> dict[str, str]:
    """Texts by key."""
    by_alias: dict[str, dict[str, Want]] = {}
    for want in wants:
        by_alias.setdefault(want.resource.cache, {}).setdefault(want.key, want)
    answers: dict[str, Answer] = {}
    for alias, unique in by_alias.items():
        answers |= await engine_of(alias).find(list(unique.values()))
    return {want.key: want.resource.given(answers[want.key], want) for want in wants}
