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
        console.print(as_tree(report), highlight=False, markup=False)


async def explain(target: str) -> dict[str, Any]:
    engine = engine_of("default")
    end = time.monotonic() + FIRST_READ
    while not engine.ordering.is_heard and time.monotonic() < end:
        time.sleep(0.01)  # noqa: ASYNC251  # nothing else runs in this loop
    return await (explain_url(engine, target) if "://" in target else explain_key(engine, target))


def as_tree(report: dict[str, Any]) -> Tree:
    tree = Tree(f"{report['key']}: {report['why']}")
    if report.get("kind") == "page":
        tree.add(f"status {report['status']}, {report['bytes']:,} bytes, {report['age']:.1f} s old")
    add_entry(tree, report)
    for each in report.get("made_of", ()):
        add_entry(tree.add(f"{each['key']}: {each['why']}"), each)
    return tree


def describe_release(report: dict[str, Any]) -> list[str]:
    known = [f"{name} {report[name] or 'without a name'}" for name in ("release", "schema") if name in report]
    return known if report["is_of_this_release"] else [*known, "of another release, not read by this one"]


def add_entry(branch: Tree, report: dict[str, Any]) -> None:
    branch.add(", ".join(describe_release(report)))
    entry = report.get("entry")
    if entry is None:
        return
    times = f"fresh for {entry['fresh_for']:.1f} s, stale for {entry['stale_for']:.1f} s"
    branch.add(f"in the shared tier: {entry['state']}, {times}, cost {entry['cost'] * 1000:.1f} ms")
    branch.add(f"tags: {', '.join(entry['tags'])}")
    if entry["in_passing"]:
        branch.add(f"shows in passing: {', '.join(entry['in_passing'])}")
    for record in report.get("ended_by", ()):
        shown = ", shown in passing" if record["in_passing"] else ""
        branch.add(f"record {record['record']}: {record['kind']} {record['tag']}{shown}")
