import asyncio
import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.tree import Tree

from content.caching.edge.explain import explain_key, explain_url
from content.caching.engines import engine_of

# How long a process that has just begun waits for its first word of the log.
FIRST_WORD = 1.0


class Command(BaseCommand):
    help = (
        "Why a page or an entry is served or is not: tiers, ages, times left, tags, and the log's records against it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", metavar="URL|KEY", help="http://127.0.0.1:8000/posts/first/ or post@1:post,first")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"].startswith("/"):
            raise CommandError(
                f"A page belongs to a host: say its whole URL, as http://127.0.0.1:8000{options['what']}"
            )
        told = asyncio.run(explained(options["what"]))
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
            return
        console = Console(file=self.stdout, width=140)  # type: ignore[arg-type]
        console.print(as_tree(told), highlight=False, markup=False)


async def explained(what: str) -> dict[str, Any]:
    engine = engine_of("default")
    end = time.monotonic() + FIRST_WORD
    while not engine.ordering.is_heard and time.monotonic() < end:
        time.sleep(0.01)  # noqa: ASYNC251  # nothing else runs in this loop
    return await (explain_url(engine, what) if "://" in what else explain_key(engine, what))


def as_tree(told: dict[str, Any]) -> Tree:
    tree = Tree(f"{told['key']}: {told['why']}")
    if told.get("kind") == "page":
        tree.add(f"status {told['status']}, {told['bytes']:,} bytes, {told['age']:.1f} s old")
    add_entry(tree, told)
    for each in told.get("made_of", ()):
        add_entry(tree.add(f"{each['key']}: {each['why']}"), each)
    return tree


def add_entry(branch: Tree, told: dict[str, Any]) -> None:
    entry = told.get("entry")
    if entry is None:
        return
    times = f"fresh for {entry['fresh_for']:.1f} s, stale for {entry['stale_for']:.1f} s"
    branch.add(f"in the shared tier: {entry['state']}, {times}, cost {entry['cost'] * 1000:.1f} ms")
    branch.add(f"tags: {', '.join(entry['tags'])}")
    for record in told.get("ended_by", ()):
        branch.add(f"record {record['record']}: {record['kind']} {record['tag']}")
