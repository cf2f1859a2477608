"""The findings that need attention: the findings of the rules in one snapshot, and the verdict on them."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from django.urls import reverse

from content.ops.panels.panel import Panel
from content.ops.points import Window
from content.ops.rules import FAILING, RULES, WARNING

# The name of a finding about numbers that cannot be read.
MISSING = "statistics-missing"


class Finding(msgspec.Struct, frozen=True):
    """One thing that needs attention.

    name     of the rule, its runbook and its alert
    subject  the part of the service, as /statusz names it
    link     to the page of the runbook
    """

    name: str
    subject: str
    level: str
    problem: str
    action: str
    link: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """level: "well", "warning" or "failing". `text`: the worst finding as two sentences, or that all is well."""

    level: str
    text: str
    findings: tuple[Finding, ...] = ()


NAMES = frozenset({MISSING, *(rule.name for rule in RULES)})


def judge(window: Window, panels: Mapping[str, Panel]) -> Verdict:
    """The findings, the worst first. A panel that cannot be read is one too, unless its service is down."""
    findings = [*apply_rules(window), *find_unreadable(window, panels.values())]
    if not findings:
        return Verdict("well", "All is well.")
    findings.sort(key=lambda each: each.level != FAILING)
    worst, more = findings[0], len(findings) - 1
    others = f" {more} more {'needs' if more == 1 else 'need'} attention." if more else ""
    return Verdict(worst.level, f"{worst.problem} {worst.action}{others}", tuple(findings))


def apply_rules(window: Window) -> Iterator[Finding]:
    for rule in RULES:
        if problem := rule.find(window):
            yield Finding(rule.name, rule.subject, rule.level, problem, rule.action, link_of(rule.name))


def find_unreadable(window: Window, panels: Iterable[Panel]) -> Iterator[Finding]:
    if 0 in (window.gauge("redis.up"), window.gauge("database.up")):
        return
    titles = [panel.title for panel in panels if panel.status == "failed"]
    if titles:
        problem = f"Some panels cannot be read: {', '.join(titles)}. They show their last known values."
        yield Finding(MISSING, "statistics", WARNING, problem, "Read the log of this web process.", link_of(MISSING))


def link_of(name: str) -> str:
    return reverse("ops-runbook", args=[name])
