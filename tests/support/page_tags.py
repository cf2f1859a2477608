"""Pages as readers see them, with their tags: which pages a change alters, and which it invalidates."""

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.test import Client

from content.caching.dependencies import track_dependencies


@dataclass
class Pages:
    """Every page by its path: its look, and all that its entry depends on."""

    looks: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)

    def invalidated_by(self, tags: set[str]) -> set[str]:
        return {path for path, own in self.tags.items() if own & tags}

    def changed_since(self, other: "Pages") -> set[str]:
        return {path for path in self.looks.keys() & other.looks.keys() if self.looks[path] != other.looks[path]}


def load_pages(paths: list[str]) -> Pages:
    """All made anew, from the database: an entry that should have ended cannot hide that it did not."""
    cache.clear()
    pages = Pages()
    for path in paths:
        with track_dependencies() as collected:
            response: Any = Client().get(path)
        pages.looks[path] = f"{response.status_code} {response.get('Location')}".encode() + response.content
        pages.tags[path] = set(collected.tags)
    return pages
