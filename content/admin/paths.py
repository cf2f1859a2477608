"""Which paths the site itself has."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import get_resolver

# What stands before a path that is no pattern of ours, or will be looked for by browsers and crawlers.
ALSO = frozenset(
    {"api", "archive", "feed", "media", "ops", "popular", "robots", "search", "sitemap", "static", "trending"}
)
FIRST_WORD = re.compile(r"[-\w]+")


def is_of_the_site(slug: str) -> bool:
    return slug.lower() in first_words()


@cache
def first_words() -> frozenset[str]:
    prefixes = (settings.STATIC_URL, settings.MEDIA_URL)
    return ALSO | {word for text in (*routes(get_resolver()), *prefixes) if (word := first_word(text))}


def first_word(route: str) -> str:
    """`posts` of `posts/<word:slug>/`; nothing of a pattern that begins with a parameter."""
    found = FIRST_WORD.match(route.removeprefix("/"))
    return found[0].lower() if found else ""


def routes(resolver: Any, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns") and not first_word(route):
            yield from routes(pattern, route)
        else:
            yield route
