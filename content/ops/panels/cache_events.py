"""Events beside plain hits: waits for leases, refused stores, stale answers, evictions."""

from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals

# Events in the order of the table, with what they mean.
MEANINGS = {
    "wait": "readers who waited for a load of another process",
    "slow": "of these, past the soft time-out",
    "joined": "readers who got what another reader of their process waited for",
    "refresh": "loads behind a reader, who got the stale value",
    "late": "refreshes that no worker did in time",
    "error_stale": "stale values served because loading failed",
    "failed": "loads that failed",
    "refused": "values that were not stored: something had changed meanwhile, or their lease was lost",
    "unreadable": "stored bytes that could not be read, and count as misses",
    "evict": "entries that left the memory of a process for want of room",
    "forgotten": "tags that a process forgot for want of room",
    "unverified": "entries that could not be compared with the database",
}


async def read_events() -> Reading:
    totals = (await read_totals()).report.totals
    counts = dict.fromkeys(MEANINGS, 0.0)
    for (event, _, _), count in totals.items():
        if event in counts:
            counts[event] += count
    rows = tuple(Row((name, f"{count:,.0f}", MEANINGS[name])) for name, count in counts.items())
    counters = {f"events.{name}": count for name, count in counts.items()}
    return Reading((*texts("Event"), *numbers("Count"), *texts("Meaning")), rows, counters=counters)


events = Source("events", "Lease waits, refused stores and other events", read_events)
