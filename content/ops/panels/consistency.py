"""Consistency: entries that were compared with the database, and those that differed."""

import asyncio
import math
import time

from django.core.cache import caches

from content.caching.engines import log_server
from content.caching.verify.findings import FindingStore, VerificationCounts
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import ALIAS, Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals

# Seconds for which a difference that was found needs attention.
RECENT = 24 * 3600.0
SHOWN = 10
COLUMNS = (*texts("Entry"), *numbers("Found"), *texts("Tier", "Why"))


async def read_consistency() -> Reading:
    """Raises RedisError or OSError."""
    counts = VerificationCounts.of((await read_totals()).report.totals)
    server = log_server(ALIAS)
    found = []
    if server is not None:
        found = await asyncio.to_thread(FindingStore(server, caches[ALIAS].key_prefix or "cache").read)
    now = time.time()
    gauges = {"inconsistent.recent": float(sum(now - each.at < RECENT for each in found))}
    if counts.checked and math.isfinite(counts.nines):
        gauges["nines"] = counts.nines
    rows = tuple(
        Row((each.key, f"{in_age(max(0.0, now - each.at))} ago", each.tier, each.reason), state="bad")
        for each in found[:SHOWN]
    )
    counters = {"checked": float(counts.checked), "inconsistent": float(counts.inconsistent)}
    return Reading(COLUMNS, rows, describe(counts), counters, gauges)


def describe(counts: VerificationCounts) -> str:
    if not counts.checked:
        return "No entry has been compared with the database yet."
    differ = "none differed" if not counts.inconsistent else f"{counts.inconsistent:,} differed"
    return (
        f"{counts.checked:,} fresh entries were compared with the database; {differ}. With 95 % confidence at most "
        f"{counts.highest_rate:.2%} of all entries are inconsistent."
    )


consistency = Source("consistency", "Consistency", read_consistency, seconds=5.0)
