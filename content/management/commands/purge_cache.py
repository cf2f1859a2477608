"""Purge entries. Only commands find the tags of stored entries, because that reads every key of the shared tier."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from content import resources
from content.caching import CacheError, expire_sync, invalidate_sync
from content.caching.backends import RedisCache
from content.caching.backends.server import server_of
from content.caching.edge.page_store import KIND, path_tag
from content.caching.entry import Unreadable, unpack
from content.caching.key import check_tags, resource_tag

# Bytes. A header with its tags stands at the beginning of an entry; the rest is not read.
MAX_HEADER = 64 * 1024
BATCH = 500
SECONDS = 10.0


def find_unused_tags(tags: Sequence[str], *, alias: str = "default", seconds: float = SECONDS) -> list[str] | None:
    """Those that no stored entry has. None if that is unknown: without Redis, or after `seconds`."""
    cache = caches[alias]
    if not isinstance(cache, RedisCache):
        return None
    unused = dict.fromkeys(tags)
    deadline = time.monotonic() + seconds
    try:
        for entry_tags in read_tags(cache, settings.CACHES[alias]):
            for tag in entry_tags:
                unused.pop(tag, None)
            if not unused:
                return []
            if time.monotonic() > deadline:
                return None
    except RedisError:
        return None
    return list(unused)


def read_tags(cache: BaseCache, config: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    client = server_of(config["LOCATION"], config.get("OPTIONS") or {}).sync_client()
    batch: list[bytes] = []
    with client:
        for key in client.scan_iter(match=cache.make_key("*"), count=BATCH):
            batch.append(key)
            if len(batch) == BATCH:
                yield from tags_of_keys(client, batch)
                batch.clear()
        yield from tags_of_keys(client, batch)


def tags_of_keys(client: Any, keys: Sequence[bytes]) -> Iterator[tuple[str, ...]]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.getrange(key, 0, MAX_HEADER)
    for content in pipe.execute(raise_on_error=False):
        try:
            yield unpack(content).header.tags
        except Unreadable:
            continue


class Command(BaseCommand):
    help = (
        "Drop cached pages and the entries that they are made of, in every process. With --soft they are served as "
        "stale until they are loaded again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        scope = parser.add_mutually_exclusive_group(required=True)
        scope.add_argument("--tag", action="append", dest="tags", help="entries and pages with this tag: post:42")
        scope.add_argument("--url", action="append", dest="urls", help="pages of this path, on any host")
        scope.add_argument("--resource", action="append", dest="names", help="its entries, and pages made of them")
        scope.add_argument("--all", action="store_true", dest="everything", help="every page and every entry")
        parser.add_argument("--soft", action="store_true", help="serve them as stale until they are loaded again")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        tags = tags_to_purge(**{name: options[name] for name in ("tags", "urls", "names", "everything")})
        purge = expire_sync if options["soft"] else invalidate_sync
        try:
            check_tags(tags)
            unused = find_unused_tags(options["tags"]) if options["tags"] else None
            purge(tags)
        except CacheError as error:
            raise CommandError(
                f"Some processes may still serve what you purged: {error}. Run the command again."
            ) from error
        except ValueError as error:
            raise CommandError(f"Nothing was purged. {error}") from error
        if options["json"]:
            known = {} if unused is None else {"unused": unused}
            self.stdout.write(json.dumps({"tags": tags, "soft": options["soft"]} | known))
        else:
            effect = "served as stale until they are loaded again" if options["soft"] else "not served again"
            self.stdout.write(f"Entries and pages with the tags {', '.join(tags)} are {effect}, in all processes.")
            if unused:
                self.stderr.write(
                    f"No stored entry has the tag {', '.join(unused)}. Check its spelling: "
                    "`manage.py cache_explain URL` shows the tags of a page."
                )


def tags_to_purge(
    tags: list[str] | None, urls: list[str] | None, names: list[str] | None, everything: bool
) -> list[str]:
    known = {*resources.BY_NAME, KIND.name}
    if unknown := set(names or ()) - known:
        raise CommandError(
            f"There is no resource {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}."
        )
    if everything:
        return [resource_tag(name) for name in sorted(known)]
    return [*(tags or ()), *(path_tag(path_of(url)) for url in urls or ()), *map(resource_tag, names or ())]


def path_of(url: str) -> str:
    """Path and query of a URL or a path."""
    parts = urlsplit(url)
    if not parts.path.startswith("/"):
        raise CommandError(f"{url!r} is neither a path nor a URL.")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
