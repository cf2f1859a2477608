"""The site's views read their documents by querysets, past the cache of resources."""

from collections.abc import Hashable, Iterable
from typing import Any

from django.apps import AppConfig

from content.caching import Resource


class QuerysetsConfig(AppConfig):
    name = "tests.benchmarks.querysets"
    label = "querysets"

    def ready(self) -> None:
        patched: Any = Resource
        patched.get = load
        patched.get_many = load_many


async def load(resource: Any, *args: Any, **kwargs: Any) -> Any:
    from tests.benchmarks.querysets.loaders import LOADERS

    return await LOADERS.get(resource.name, resource.load)(*args, **kwargs)


async def load_many(resource: Any, keys: Iterable[Hashable]) -> dict[Any, Any]:
    """HTML pages read cards by the many, and nothing else."""
    from tests.benchmarks.querysets.loaders import load_cards

    assert resource.name == "post_card", resource.name
    return await load_cards([key for key in keys if isinstance(key, int)])
