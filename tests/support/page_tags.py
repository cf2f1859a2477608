"""Pages as readers see them, with their tags: which pages a change alters, and which it invalidates."""

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.test import Client

from content import resources
from content.caching.dependencies import track_dependencies
from content.caching.key import value_tag, weak_tag

DERIVED = (resources.sidebar, resources.popular, resources.trending)


@dataclass
class Pages:
    """Every page by its path: its look, and all that its entry depends on."""

    looks: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    # Derived values by their tags.
    values: dict[str, Any] = field(default_factory=dict)

    def invalidated_by(self, tags: set[str]) -> set[str]:
        return {path for path, own in self.tags.items() if own & tags}

    def made_stale_by(self, tags: set[str], later: "Pages") -> set[str]:
        """Pages that show in passing what has these tags, or a derived value that is another later on."""
        changed = {tag for tag, value in self.values.items() if later.values[tag] != value}
        weak = {weak_tag(tag) for tag in tags | changed}
        return {path for path, own in self.tags.items() if own & weak}

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
    for resource in DERIVED:
        pages.values[value_tag(resource.key(()))] = resource.get_sync()
    return pages
