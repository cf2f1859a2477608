"""The explanation of a stored page or entry as a tree of sentences: for `cache_explain` and for its page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Branch:
    text: str
    branches: list["Branch"] = field(default_factory=list)

    def add(self, text: str) -> "Branch":
        branch = Branch(text)
        self.branches.append(branch)
        return branch


def as_tree(report: dict[str, Any]) -> Branch:
    """`report`: of content.caching.edge.explain."""
    tree = Branch(f"{report['key']}: {report['why']}")
    if report.get("kind") == "page":
        tree.add(f"status {report['status']}, {report['bytes']:,} bytes, {report['age']:.1f} s old")
    add_entry(tree, report)
    for each in report.get("made_of", ()):
        add_entry(tree.add(f"{each['key']}: {each['why']}"), each)
    return tree


def add_entry(branch: Branch, report: dict[str, Any]) -> None:
    branch.add(", ".join(describe_release(report)))
    for tier, name in (("memory", "in the memory of this process"), ("entry", "in the shared tier")):
        entry = report.get(tier)
        if entry is not None:
            times = f"fresh for {entry['fresh_for']:.1f} s, stale for {entry['stale_for']:.1f} s"
            branch.add(f"{name}: {entry['state']}, {times}, cost {entry['cost'] * 1000:.1f} ms")
    for text in describe_details(report):
        branch.add(text)


def describe_release(report: dict[str, Any]) -> list[str]:
    known = [f"{name} {report[name] or 'without a name'}" for name in ("release", "schema") if name in report]
    return known if report["is_of_this_release"] else [*known, "of another release, not read by this one"]


def describe_details(report: dict[str, Any]) -> Iterator[str]:
    entry = report.get("entry")
    if entry is not None:
        yield f"tags: {', '.join(entry['tags'])}"
        if entry["in_passing"]:
            yield f"shows in passing: {', '.join(entry['in_passing'])}"
    if report.get("lease"):
        yield "a process loads it now: it holds the lease"
    for record in report.get("ended_by", ()):
        shown = ", shown in passing" if record["in_passing"] else ""
        yield f"record {record['record']}: {record['kind']} {record['tag']}{shown}"
