"""The numbers and charts of the dashboard, declared once: the page, its script and the terminal compute them."""

import math
from collections.abc import Callable, Iterable

import msgspec

from content.ops.points import Window

READS = ("reads.memory", "reads.shared", "reads.negative", "reads.stale", "reads.joined", "reads.miss")
CACHED = ("requests.hit", "requests.stale", "requests.joined")
CACHEABLE = (*CACHED, "requests.miss")
UNKNOWN = "-"


class Number(msgspec.Struct, frozen=True):
    """One number.

    kind  "rate" of the counters `of`, a second; "share" of `of` in `over`; "gauge" of `of`; "quantile", the first of
          `of`, of the latency
    unit  "/s", "%", "ms" or ""
    """

    name: str
    label: str
    kind: str
    of: tuple[str, ...]
    over: tuple[str, ...] = ()
    unit: str = ""


class Tile(msgspec.Struct, frozen=True):
    """A few numbers that belong together. The line of the first one is drawn. `hint`: how to read it."""

    title: str
    numbers: tuple[Number, ...]
    hint: str = ""


class Chart(msgspec.Struct, frozen=True):
    title: str
    numbers: tuple[Number, ...]


TILES = (
    Tile(
        "Requests", (Number("requests", "responses", "rate", ("requests",), unit="/s"),), "All responses, errors too."
    ),
    Tile(
        "Hit ratio",
        (
            Number("hits.pages", "pages", "share", CACHED, CACHEABLE, "%"),
            Number("hits.memory", "memory", "share", ("reads.memory",), READS, "%"),
            Number("hits.shared", "with Redis", "share", READS[:5], READS, "%"),
        ),
        "The share of reads that nobody had to load.",
    ),
    Tile(
        "Readers who waited",
        (Number("waited", "reads", "rate", ("reads.joined", "reads.miss"), unit="/s"),),
        "Reads that no tier could answer.",
    ),
    Tile(
        "Latency",
        (
            Number("p50", "p50", "quantile", ("0.5",), unit="ms"),
            Number("p99", "p99", "quantile", ("0.99",), unit="ms"),
        ),
        "Half, and 99 of 100 requests took at most so long.",
    ),
    Tile(
        "Loads",
        (
            Number("loads.readers", "for readers", "rate", ("loads.readers",), unit="/s"),
            Number("loads.warming", "by warming", "rate", ("loads.warming",), unit="/s"),
        ),
        "Values made from the database.",
    ),
    Tile(
        "Coverage",
        (
            Number("coverage.1000", "1,000 hottest", "gauge", ("coverage.1000",), unit="%"),
            Number("coverage.hot", "hot set", "gauge", ("coverage.hot",), unit="%"),
        ),
        "The share that is fresh in Redis.",
    ),
    Tile(
        "Backlog",
        (
            Number("backlog", "stale entries", "gauge", ("backlog.refresh",)),
            Number("outbox", "changes", "gauge", ("outbox.rows",)),
        ),
        "What waits for a worker.",
    ),
    Tile(
        "Consistency",
        (Number("nines", "nines", "gauge", ("nines",)),),
        "3 stands for 99.9 % of entries as the database has them, shown with 95 % confidence.",
    ),
)
CHARTS = (
    Chart(
        "Requests a second",
        (
            Number("requests", "all", "rate", ("requests",), unit="/s"),
            Number("requests.hit", "from cache", "rate", CACHED, unit="/s"),
            Number("requests.rest", "from the application", "rate", ("requests.miss", "requests.pass"), unit="/s"),
        ),
    ),
    Chart(
        "Loads and waits a second",
        (
            Number("loads.readers", "loads for readers", "rate", ("loads.readers",), unit="/s"),
            Number("loads.warming", "loads by warming", "rate", ("loads.warming",), unit="/s"),
            Number("waited", "readers who waited", "rate", ("reads.joined", "reads.miss"), unit="/s"),
        ),
    ),
)

KINDS: dict[str, Callable[[Number, Window], float | None]] = {
    "rate": lambda number, window: window.rate(*number.of),
    "share": lambda number, window: window.share(number.of, number.over),
    "gauge": lambda number, window: window.gauge(number.of[0]),
    "quantile": lambda number, window: window.quantile(float(number.of[0])),
}


def compute(number: Number, window: Window) -> float | None:
    """The value in seconds, as a share of 1, or as a plain number; None if it is not known."""
    return KINDS[number.kind](number, window)


def show(value: float | None, unit: str) -> str:
    """The value with its unit. The script of the dashboard does the same."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if unit == "%":
        # Rounded down: 100 % means all.
        return f"{math.floor(value * 1000 + 1e-6) / 10:.1f} %".replace(".0 %", " %")
    if unit == "ms":
        return f"{short(value * 1000)} ms" if math.isfinite(value) else "longest bucket"
    return f"{short(value)}{' /s' if unit == '/s' else ''}"


def short(value: float) -> str:
    """Three digits, or all before the point."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def names_of(numbers: Iterable[Number]) -> list[str]:
    return [number.name for number in numbers]
