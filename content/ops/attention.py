"""The rules by which the dashboard and /statusz say what is wrong, what it means and what to do.

Each has the name of an alert in deploy/prometheus/rules.yml, with the same bounds, and of a page in docs/runbooks.
Alerts wait for minutes; the rules speak at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from django.urls import reverse

from content.ops.numbers import CACHEABLE, CACHED, READS, show
from content.ops.panels.panel import Panel
from content.ops.points import Window
from content.ops.state.jobs import INTERVALS
from content.ops.state.worker_reports import SILENT_AFTER

# A rule about a share says nothing of fewer requests or reads than this in the window.
ENOUGH = 100
# Shares, seconds and numbers from which the rules speak.
LOW_HITS, LOW_COVERAGE, MANY_WAITS, FULL = 0.8, 0.9, 0.01, 0.9
LONG_OUTBOX, LONG_CDN, LONG_BACKLOG = 30.0, 60.0, 100
FAILING, WARNING = "failing", "warning"
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


@dataclass(frozen=True)
class Rule:
    """`find`: the problem as a sentence, with what it means; "" if there is none or it is not known."""

    name: str
    subject: str
    level: str
    find: Callable[[Window], str]
    action: str


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
    long = [name for name in window.named("queue.") if is_growing(window, f"queue.{name}")]
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
    failed = window.named("jobs.failed.")
    return f"The last run failed: {', '.join(failed)}. What these jobs do is missing." if failed else ""


def find_overdue_jobs(window: Window) -> str:
    """While beat or the workers are silent, that is the finding."""
    overdue = window.named("jobs.overdue.")
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
    is_open = gauge(window, "breakers.open") and window.gauge("redis.up") != 0
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


RULES = (
    Rule(
        "database-down",
        "database",
        FAILING,
        is_down(
            "database.up", "The database does not answer. What is cached is served; nothing can be loaded or edited."
        ),
        "Check DATABASE_URL and the database server.",
    ),
    Rule(
        "redis-down",
        "redis",
        FAILING,
        is_down(
            "redis.up",
            "Redis does not answer. Pages are served from each process's memory or made anew; nothing is warmed.",
        ),
        "Check REDIS_URL and the Redis server.",
    ),
    Rule(
        "errors-5xx",
        "requests",
        FAILING,
        find_errors,
        "Read the log of the web processes: each error has its request id.",
    ),
    Rule(
        "inconsistent-entries",
        "consistency",
        FAILING,
        find_inconsistent,
        "Look at the panel Consistency, and purge what readers see.",
    ),
    Rule(
        "process-deaf",
        "processes",
        FAILING,
        find_deaf,
        "Check the connection of these processes to Redis; restart them.",
    ),
    Rule("worker-down", "worker", WARNING, find_worker, "Start a worker: celery -A workers worker."),
    Rule("beat-down", "beat", WARNING, find_beat, "Start beat: celery -A workers beat."),
    Rule(
        "breaker-open",
        "redis",
        WARNING,
        find_breaker,
        "Check the latency of Redis: each time-out opens the breaker.",
    ),
    Rule("outbox-behind", "outbox", WARNING, find_outbox, "Check that a worker runs and that it reaches Redis."),
    Rule(
        "outbox-behind",
        "outbox",
        WARNING,
        find_changes_set_aside,
        "Look at the panel Recent failures; purge what they name.",
    ),
    Rule("cdn-behind", "cdn", WARNING, find_cdn, "Check EVERGREEN_CDN, its token, and the log of the worker."),
    Rule(
        "readers-wait",
        "requests",
        WARNING,
        find_waits,
        "Look at Costliest resources and at Coverage; warm what is read most.",
    ),
    Rule(
        "hit-ratio-low",
        "requests",
        WARNING,
        find_hit_ratio,
        "Look at Requests by status and cache outcome, and at Invalidations.",
    ),
    Rule(
        "coverage-low",
        "coverage",
        WARNING,
        find_coverage,
        "See whether warming is paused or lacks room; start a run of the popular.",
    ),
    Rule("backlog-growing", "backlog", WARNING, find_backlog, "Start more workers, or see what invalidates so much."),
    Rule("backlog-growing", "queues", WARNING, find_queues, "See whether a worker runs, and what it does."),
    Rule("job-failed", "jobs", WARNING, find_failed_jobs, "Read the log of the worker."),
    Rule("job-overdue", "jobs", WARNING, find_overdue_jobs, "See the queues, and the worker."),
    Rule(
        "job-failed",
        "runs",
        WARNING,
        find_failed_runs,
        "Look at Runs of warming: see the reasons, and retry the failures.",
    ),
    Rule(
        "redis-memory-full",
        "redis",
        WARNING,
        find_memory,
        "Give Redis more memory (maxmemory), or lower EVERGREEN_WARM_MEMORY.",
    ),
    Rule(
        "evictions",
        "redis",
        WARNING,
        find_evictions,
        "Give Redis more memory (maxmemory), or lower EVERGREEN_WARM_MEMORY.",
    ),
    Rule(
        "release-mixed",
        "releases",
        WARNING,
        find_releases,
        "Finish the deploy: stop the web processes of the old release.",
    ),
)


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
