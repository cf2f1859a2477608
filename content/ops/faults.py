"""Faults of the service: each function says what is wrong and what it means, or "" if nothing is known to be."""

from collections.abc import Callable

from content.ops.numbers import CACHEABLE, CACHED, READS, show
from content.ops.points import Window
from content.ops.state.jobs import INTERVALS
from content.ops.state.worker_reports import SILENT_AFTER

# A rule about a share says nothing of fewer requests or reads than this in the window.
ENOUGH = 100
# Shares, seconds and numbers from which the rules speak.
LOW_HITS, LOW_COVERAGE, MANY_WAITS, FULL = 0.8, 0.9, 0.01, 0.9
LONG_OUTBOX, LONG_CDN, LONG_BACKLOG = 30.0, 60.0, 100


def gauge(window: Window, name: str, default: float = 0.0) -> float:
    value = window.gauge(name)
    return default if value is None else value


def is_down(name: str, text: str) -> Callable[[Window], str]:
    return lambda window: text if window.gauge(name) == 0 else ""


def is_silent(name: str, silence: str, meaning: str) -> Callable[[Window], str]:
    def find(window: Window) -> str:
        age = window.gauge(f"{name}.heartbeat_age_seconds")
        if age is None or age <= SILENT_AFTER or window.gauge("redis.up") == 0:
            return ""
        since = "a week or more" if age == float("inf") else f"{age:,.0f} s"
        return f"{silence} for {since}. {meaning}"

    return find


find_worker = is_silent(
    "worker",
    "No worker has reported",
    "Readers' processes refresh stale entries themselves, and nothing is warmed.",
)
find_beat = is_silent("beat", "Beat has not reported", "No scheduled job is sent.")


def find_waits(window: Window) -> str:
    share, reads = window.share(("reads.joined", "reads.miss"), READS), window.delta(*READS)
    if share is None or share < MANY_WAITS or (reads or 0) < ENOUGH:
        return ""
    return f"Readers wait: {show(share, '%')} of the reads had to be loaded first."


def find_hit_ratio(window: Window) -> str:
    share, requests = window.share(CACHED, CACHEABLE), window.delta(*CACHEABLE)
    if share is None or share >= LOW_HITS or (requests or 0) < ENOUGH:
        return ""
    return (
        f"Only {show(share, '%')} of the cacheable requests are served from the cache, so the application works more."
    )


def find_coverage(window: Window) -> str:
    share = window.gauge("coverage.1000")
    if share is None or share >= LOW_COVERAGE or not window.gauge("warming.alive"):
        return ""
    return f"Only {show(share, '%')} of the 1,000 hottest entries are fresh in Redis. Readers of the others may wait."


def find_backlog(window: Window) -> str:
    now = gauge(window, "backlog.refresh")
    if not is_growing(window, "backlog.refresh"):
        return ""
    return f"{now:,.0f} stale entries wait for a refresh, and they do not get fewer. Readers get stale pages."


def find_queues(window: Window) -> str:
    long = [name for name in window.names_below("queue.") if is_growing(window, f"queue.{name}")]
    if not long:
        return ""
    counts = ", ".join(f"{name} {gauge(window, f'queue.{name}'):,.0f}" for name in long)
    return f"Tasks wait for a worker, and they do not get fewer: {counts}. Jobs come late."


def is_growing(window: Window, name: str) -> bool:
    """Whether it is long, and not shorter than at the beginning of the window."""
    now = gauge(window, name)
    before = window.before.gauges.get(name, 0.0) if window.before is not None else now
    return now > LONG_BACKLOG and now >= before


def find_outbox(window: Window) -> str:
    age, rows = gauge(window, "outbox.oldest_seconds"), gauge(window, "outbox.rows")
    if age <= LONG_OUTBOX or window.gauge("redis.up") == 0:
        return ""
    return (
        f"{rows:,.0f} changes wait in the outbox, the oldest for {age:,.0f} s. Readers may get what they changed "
        "until they are relayed."
    )


def find_changes_set_aside(window: Window) -> str:
    failed = gauge(window, "outbox.failed")
    return f"{failed:,.0f} changes were set aside: what they changed may be served as it was." if failed else ""


def find_cdn(window: Window) -> str:
    lag = gauge(window, "cdn.lag_seconds")
    return (
        f"The CDN has not confirmed an invalidation for {lag:,.0f} s, and may serve old pages."
        if lag > LONG_CDN
        else ""
    )


def find_failed_jobs(window: Window) -> str:
    failed = window.names_below("jobs.failed.")
    return f"The last run failed: {', '.join(failed)}. What these jobs do is missing." if failed else ""


def find_overdue_jobs(window: Window) -> str:
    """While beat or the workers are silent, that is the finding."""
    overdue = window.names_below("jobs.overdue.")
    if not overdue or find_worker(window) or find_beat(window) or window.gauge("redis.up") == 0:
        return ""
    return f"No run succeeded for more than {INTERVALS} intervals: {', '.join(overdue)}."


def find_failed_runs(window: Window) -> str:
    failed, silent = gauge(window, "runs.last_failed"), gauge(window, "runs.silent")
    if silent:
        return "A run of warming waits, and no worker has taken it for ten seconds."
    return f"The last run of warming could not warm {failed:,.0f} targets." if failed else ""


def find_deaf(window: Window) -> str:
    deaf, all_of_them = gauge(window, "processes.deaf"), gauge(window, "processes")
    if not deaf:
        return ""
    return f"{deaf:,.0f} of {all_of_them:,.0f} processes cannot read the invalidation log: they serve all as stale."


def find_inconsistent(window: Window) -> str:
    found = gauge(window, "inconsistent.recent")
    return (
        f"{found:,.0f} entries differed from the database within a day, although they counted as fresh."
        if found
        else ""
    )


def find_breaker(window: Window) -> str:
    if window.gauge("redis.up") == 0:
        return ""
    if count := gauge(window, "processes.breakers_open"):
        return f"Processes with an open circuit breaker: {count:,.0f}. They read without the shared cache."
    is_open = gauge(window, "breakers.open")
    return "A circuit breaker of this process is open: it reads without the shared cache." if is_open else ""


def find_memory(window: Window) -> str:
    used, limit = gauge(window, "redis.memory_bytes"), gauge(window, "redis.limit_bytes")
    if not limit or used < FULL * limit:
        return ""
    return f"Redis uses {show(used / limit, '%')} of its memory. At 100 % it evicts entries, or refuses writes."


def find_evictions(window: Window) -> str:
    rate = window.rate("redis.evicted")
    return (
        f"Redis evicts {show(rate, '/s')} keys for want of memory. Their readers wait for new loads." if rate else ""
    )


def find_errors(window: Window) -> str:
    rate = window.rate("requests.5xx")
    return (
        f"Readers get errors of the server: {show(rate, '/s')} responses with a status of 500 and more."
        if rate
        else ""
    )


def find_releases(window: Window) -> str:
    releases = gauge(window, "processes.releases")
    if releases < 2:
        return ""
    return f"Web processes of {releases:,.0f} releases serve readers. Each warms and reads its own pages."
