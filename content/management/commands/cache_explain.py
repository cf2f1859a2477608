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
from content.ops.explanation import Branch, as_tree

# Seconds that a new process waits for its first read of the log.
FIRST_READ = 1.0


class Command(BaseCommand):
    help = "Explain why a page or entry is served or not: tiers, ages, times left, tags, and records that ended it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", metavar="URL|KEY", help="http://127.0.0.1:8000/posts/first/ or post:post,first")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["target"].startswith("/"):
            raise CommandError(
                f"A page belongs to a host. Give its whole URL: http://127.0.0.1:8000{options['target']}"
            )
        report = asyncio.run(explain(options["target"]))
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2))
            return
        console = Console(file=self.stdout, width=140)  # type: ignore[arg-type]
        console.print(draw(as_tree(report)), highlight=False, markup=False)


async def explain(target: str) -> dict[str, Any]:
    engine = engine_of("default")
    end = time.monotonic() + FIRST_READ
    while not engine.ordering.is_heard and time.monotonic() < end:
        time.sleep(0.01)  # noqa: ASYNC251  # nothing else runs in this loop
    return await (explain_url(engine, target) if "://" in target else explain_key(engine, target))


def draw(branch: Branch) -> Tree:
    tree = Tree(branch.text)
    for each in branch.branches:
        tree.children.append(draw(each))
    return tree
