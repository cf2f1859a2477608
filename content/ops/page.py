"""The dashboard as its template shows it: numbers with their values, panels in groups, and what its script needs."""

from typing import Any

import msgspec

from content.ops import numbers
from content.ops.panels.panel import Panel
from content.ops.points import Window
from content.ops.snapshot import Snapshot, window_of

# The panels below the charts, by the name of their group.
GROUPS = {
    "Orders": ("runs", "purges"),
    "Requests and reads": ("requests", "resources", "costliest", "hottest", "events"),
    "Warming": ("coverage", "loop", "returns"),
    "Invalidation": ("invalidations", "backlog", "outbox", "consistency"),
    "Services": ("services", "redis", "processes", "jobs", "failures"),
}
# Groups that are open without a click.
OPEN = ("Orders", "Services")


def describe_page(snapshot: Snapshot) -> dict[str, Any]:
    window = window_of(snapshot)
    return {
        "at": snapshot.at,
        "verdict": snapshot.verdict,
        "tiles": [
            (tile, [(number, show_value(number, window)) for number in tile.numbers]) for tile in numbers.TILES
        ],
        "charts": numbers.CHARTS,
        "groups": [(title, title in OPEN, panels_of(snapshot, names)) for title, names in GROUPS.items()],
        "declared": msgspec.to_builtins({"tiles": numbers.TILES, "charts": numbers.CHARTS}),
    }


def panels_of(snapshot: Snapshot, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [describe_panel(name, snapshot.panels[name], snapshot.at) for name in names if name in snapshot.panels]


def describe_panel(name: str, panel: Panel, now: float) -> dict[str, Any]:
    return {"name": name, "panel": panel, "at": f"{panel.at:.0f}", "age": show_age(panel.at, now)}


def show_age(at: float, now: float) -> str:
    """The script of the dashboard does the same."""
    return f"{max(0.0, now - at):.0f} s old" if at else "never read"


def show_value(number: numbers.Number, window: Window) -> str:
    return numbers.show(numbers.compute(number, window), number.unit)
