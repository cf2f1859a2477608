"""The rules by which the dashboard and /statusz say what is wrong, what it means and what to do.

Each has the name of an alert in deploy/prometheus/rules.yml, with the same bounds, and of a page in docs/runbooks.
Alerts wait for minutes; the rules speak at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from content.ops.faults import (
    find_backlog,
    find_beat,
    find_breaker,
    find_cdn,
    find_changes_set_aside,
    find_coverage,
    find_deaf,
    find_errors,
    find_evictions,
    find_failed_jobs,
    find_failed_runs,
    find_hit_ratio,
    find_inconsistent,
    find_memory,
    find_outbox,
    find_overdue_jobs,
    find_queues,
    find_releases,
    find_waits,
    find_worker,
    is_down,
)
from content.ops.points import Window

FAILING, WARNING = "failing", "warning"


@dataclass(frozen=True)
class Rule:
    """`find`: the problem as a sentence, with what it means; "" if there is none or it is not known."""

    name: str
    subject: str
    level: str
    find: Callable[[Window], str]
    action: str


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
