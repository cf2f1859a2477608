"""Changes of the site for the contenders: shorter lifetimes, loads past the cache of resources, noted queries."""

import os
from collections.abc import Hashable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created

from content.caching import Policy, Resource
from tests.benchmarks.warm.status import note_query


class ShortLifetimes(AppConfig):
    """No resource lives longer than the pages of the others, and so no page does."""

    name = "tests.benchmarks.warm"
    label = "short_lifetimes"

    def ready(self) -> None:
        from content import resources

        longest = timedelta(seconds=int(os.environ["BENCH_LIFETIME"]))
        for resource in resources.ALL:
            resource.policy = shorten(resource.policy, longest)


def shorten(policy: Policy, longest: timedelta) -> Policy:
    return replace(policy, ttl=min(policy.ttl, longest), stale_ttl=min(policy.stale_ttl, longest))


class PlainLoads(AppConfig):
    """Resources are loaded for each read: the cache of pages is the only one."""

    name = "tests.benchmarks.warm"
    label = "plain_loads"

    def ready(self) -> None:
        patched: Any = Resource
        patched.get = load
        patched.get_many = load_many


async def load(resource: Any, *args: Any, **kwargs: Any) -> Any:
    return await resource.load(*args, **kwargs)


async def load_many(resource: Any, keys: Iterable[Hashable]) -> dict[Any, Any]:
    return dict(await resource.load_many(list(keys)))


class NotedQueries(AppConfig):
    """Queries to the database are noted, by all connections."""

    name = "tests.benchmarks.warm"
    label = "noted_queries"

    def ready(self) -> None:
        connection_created.connect(self.follow)
        for connection in connections.all(initialized_only=True):
            self.follow(connection)

    def follow(self, connection: Any, **_: Any) -> None:
        if note_query not in connection.execute_wrappers:
            connection.execute_wrappers.append(note_query)
