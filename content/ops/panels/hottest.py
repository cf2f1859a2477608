"""The hottest entries: those that are read most, whether they are fresh, and what a load of each costs."""

from urllib.parse import urlencode

from django.urls import reverse

from content.caching.engines import engine_of
from content.caching.headers import StoredHeader, read_headers
from content.ops.panels.panel import ALIAS, Reading, Row, Source, numbers, texts
from content.warming.heat import read_hottest
from content.warming.hot_set import find_targets

SHOWN = 15
COLUMNS = (*texts("Entry"), *numbers("Reads a second"), *texts("State"), *numbers("Load", "Size"))


async def read_hottest_entries() -> Reading:
    """Raises RedisError or OSError."""
    engine, hottest = engine_of(ALIAS), find_targets(await read_hottest(SHOWN))
    if not hottest:
        return Reading(note="No reads were counted yet.")
    stored = await read_headers(engine.tiers, list(hottest))
    now = engine.clock()
    rows = (row_of(key, each.heat, stored, now) for key, each in hottest.items())
    return Reading(COLUMNS, tuple(rows))


def row_of(key: str, heat: float, stored: dict[str, StoredHeader] | None, now: float) -> Row:
    found = stored.get(key) if stored is not None else None
    cells = (key, f"{heat:,.2f}", state_of(stored, found, now))
    load = f"{found.header.cost * 1000:,.1f} ms" if found is not None else "-"
    size = f"{found.size / 1024:,.1f} KiB" if found is not None else "-"
    link = f"{reverse('ops-explain')}?{urlencode({'target': key})}"
    return Row((*cells, load, size), state="bad" if cells[2] == "missing" else "", link=link)


def state_of(stored: dict[str, StoredHeader] | None, found: StoredHeader | None, now: float) -> str:
    if stored is None:
        return "not known"
    if found is None:
        return "missing"
    seconds = found.fresh_for(now)
    return f"fresh for {seconds:,.0f} s" if seconds > 0 else "stale"


hottest = Source("hottest", "Hottest entries", read_hottest_entries, seconds=10.0)
