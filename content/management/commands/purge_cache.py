import json
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from content import resources
from content.caching import CacheError, expire_sync, invalidate_sync
from content.caching.edge.page_store import KIND, path_tag
from content.caching.key import check_tags, resource_tag
from content.management.stored_tags import unused_tags


class Command(BaseCommand):
    help = (
        "Drop what is cached, in every process: pages, and what they are made of. With --soft it is served, as "
        "stale, until it was made again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--tag", action="append", dest="tags", help="all that depends on it: post:42, posts")
        what.add_argument("--url", action="append", dest="urls", help="the pages of this path, on any host")
        what.add_argument("--resource", action="append", dest="names", help="its entries, and what was made of them")
        what.add_argument("--all", action="store_true", dest="everything", help="every page and every entry")
        parser.add_argument("--soft", action="store_true", help="serve it until it was made again")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        tags = chosen(**{name: options[name] for name in ("tags", "urls", "names", "everything")})
        purge = expire_sync if options["soft"] else invalidate_sync
        try:
            check_tags(tags)
            unused = unused_tags(options["tags"]) if options["tags"] else None
            purge(tags)
        except CacheError as error:
            raise CommandError(f"Not everybody could be told: {error}") from error
        except ValueError as error:
            raise CommandError(f"Nothing was purged. {error}") from error
        if options["json"]:
            told = {} if unused is None else {"unused": unused}
            self.stdout.write(json.dumps({"tags": tags, "soft": options["soft"]} | told))
        else:
            how = "is served as stale until it was made again" if options["soft"] else "is not served again"
            self.stdout.write(f"What depends on {', '.join(tags)} {how}, in all processes.")
            if unused:
                self.stderr.write(
                    f"Nothing that is stored has the tag {', '.join(unused)}. Check its spelling: "
                    "`manage.py cache_explain URL` shows the tags of a page."
                )


def chosen(tags: list[str] | None, urls: list[str] | None, names: list[str] | None, everything: bool) -> list[str]:
    known = {*resources.BY_NAME, KIND.name}
    if unknown := set(names or ()) - known:
        raise CommandError(
            f"There is no resource {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}."
        )
    if everything:
        return [resource_tag(name) for name in sorted(known)]
    return [*(tags or ()), *(path_tag(target_of(url)) for url in urls or ()), *map(resource_tag, names or ())]


def target_of(url: str) -> str:
    """Path and query, of a whole URL or of a path."""
    parts = urlsplit(url)
    if not parts.path.startswith("/"):
        raise CommandError(f"{url!r} is neither a path nor a URL.")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
