"""Warming: the control loop, the coverage of the hot set and of the site, and what warming returns."""

import asyncio

from django.conf import settings

from content.caching.metrics.warm_return import Return, by_plan, returns
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals
from content.warming.coverage import HOT, SETS, SITE, Coverage, find_gaps
from content.warming.state import WarmState, describe_warming, in_mebibytes, read_coverage, read_state
from content.warming.switch import pause_left

# Entries that a process which serves readers measures itself, where no worker lives. Gaps that are listed.
MOST_MEASURED, MOST_GAPS = 1000, 12


async def read_loop() -> Reading:
    """Raises the cache's errors."""
    state, paused_for = await asyncio.gather(read_state(), pause_left())
    note = " ".join(describe_warming(state, paused_for))
    gauges = {"warming.paused_seconds": paused_for, "warming.alive": float(state is not None)}
    if state is None:
        return Reading(note=note, gauges=gauges)
    return Reading(texts("Property", "Value"), rows_of_loop(state), note, gauges=gauges | gauges_of_loop(state))


def gauges_of_loop(state: WarmState) -> dict[str, float]:
    return {
        "warming.difference": float(max(0, state.hot - state.hot_warm)),
        "warming.left_out": float(state.left_out),
        "warming.at_once": state.limit,
        "warming.evicted": float(state.evicted),
    }


def rows_of_loop(state: WarmState) -> tuple[Row, ...]:
    budget = "without a bound" if state.budget is None else in_mebibytes(state.budget)
    last = "not yet" if state.pass_seconds is None else f"{state.pass_seconds:,.1f} s"
    return (
        Row(("Process", f"{state.pid} on {state.host}")),
        Row(("Difference", f"{state.hot - state.hot_warm:,} of {state.hot:,} hot entries are not fresh")),
        Row(("Whole site", f"{state.site_warm:,} of {state.site:,} entries are fresh")),
        Row(("Loads at once", f"{state.limit:.2g} of {settings.WARM_AT_ONCE}")),
        Row(("Rate", f"{settings.WARM_RATE:,} a second at most")),
        Row(("Budget", budget)),
        Row(("Without room", f"{state.left_out:,} entries")),
        Row(("Last round over the site", last)),
    )


async def read_coverage_panel() -> Reading:
    """Raises the cache's errors."""
    coverage = await read_coverage(MOST_MEASURED)
    if coverage is None:
        return Reading(note="What is fresh is not known: Redis does not answer, or invalidations may be missed.")
    names = [name for name in (*SETS, SITE) if coverage.has(name)]
    gauges = {f"coverage.{name}": coverage.of_set(name).ratio for name in names}
    return Reading(
        (*texts("Set"), *numbers("Fresh", "Entries", "Share")),
        tuple(row_of_set(coverage, name) for name in names),
        describe_gaps(coverage),
        gauges=gauges,
    )


def row_of_set(coverage: Coverage, name: str) -> Row:
    share = coverage.of_set(name)
    title = {HOT: "all hot entries", SITE: "whole site"}.get(name, f"{SETS.get(name, 0):,} hottest")
    return Row((title, f"{share.fresh:,}", f"{share.entries:,}", str(share)))


def describe_gaps(coverage: Coverage) -> str:
    name = SITE if coverage.has(SITE) else HOT
    gaps = [f"{kind} {share.fresh:,} of {share.entries:,}" for kind, share in find_gaps(coverage, name)]
    more = f" and {len(gaps) - MOST_GAPS} more" if len(gaps) > MOST_GAPS else ""
    return f"Not all fresh: {'; '.join(gaps[:MOST_GAPS])}{more}." if gaps else ""


async def read_returns() -> Reading:
    rows = returns((await read_totals()).report.totals)
    columns = (*texts("Plan", "Resource"), *numbers("Warmed", "Read", "Share", "Wait saved", "CPU", "Queries", "MiB"))
    shown = [each for total in by_plan(rows) for each in (total, *(row for row in rows if row.plan == total.plan))]
    advice = [row.advice for row in rows if row.advice]
    more = f" The same holds for {len(advice) - 1} more." if len(advice) > 1 else ""
    counters = {"warming.entries": sum(row.warmed for row in rows), "warming.read": sum(row.read for row in rows)}
    return Reading(columns, tuple(map(row_of_return, shown)), "".join(advice[:1]) + more, counters=counters)


def row_of_return(row: Return) -> Row:
    share = "-" if row.share_read is None or row.plan == "parts" else f"{row.share_read:.0%}"
    cells = (
        *(row.plan, row.resource or "all", f"{row.warmed:,.0f}", f"{row.read:,.0f}", share),
        *(f"{row.saved_seconds:,.1f} s", f"{row.cpu_seconds:,.1f} s", f"{row.queries:,.0f}"),
        f"{row.bytes / 1024 / 1024:,.1f}",
    )
    return Row(cells, state="bad" if row.pays is False else "")


loop = Source("loop", "Control loop of warming", read_loop)
coverage = Source("coverage", "Coverage", read_coverage_panel, seconds=2.0)
warm_returns = Source("returns", "Return of warming", read_returns, seconds=5.0)
