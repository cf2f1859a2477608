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
    """Cards by one queryset, posts of a feed by one each. The site's SQL reads lists of the API, and sitemaps."""
    from tests.benchmarks.querysets.loaders import load_cards, load_posts

    match resource.name:
        case "post_card":
            return await load_cards([key for key in keys if isinstance(key, int)])
        case "post":
            return await load_posts(keys)
    return dict(await resource.load_many(list(keys)))
