"""/statusz for people: what runs beside this process and what waits, each line with what to do. It decides nothing.

The lines are made of the metrics that Prometheus gets, with the bounds of deploy/prometheus/rules.yml.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from prometheus_client.parser import text_string_to_metric_families

from content.ops.metrics import cached_metrics, is_from_this_host, is_staff

REFUSAL = "Only this host and staff may read /statusz.\n"
NO_STORE = {"Cache-Control": "no-store"}
# Seconds, entries and tasks, from which something is wrong.
SILENT, OUTBOX, BACKLOG, OVERDUE, INTERVALS = 60.0, 30.0, 100.0, 120.0, 5
RUNBOOKS = "docs/runbooks"

Labels = tuple[tuple[str, str], ...]


class Samples:
    """Samples of /metrics, by name and labels."""

    def __init__(self, content: str) -> None:
        self.values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(content):
            for sample in family.samples:
                self.values.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value

    def one(self, name: str) -> float | None:
        return self.values.get(name, {}).get(())

    def by_label(self, name: str, label: str) -> dict[str, float]:
        return {dict(labels).get(label, ""): value for labels, value in self.values.get(name, {}).items()}


@dataclass(frozen=True)
class Line:
    """ok: None if it is not known. `runbook`: the name of a page of docs/runbooks."""

    name: str
    ok: bool | None
    text: str
    action: str = ""
    runbook: str = ""


def not_known(name: str, why: str = "Its metric is missing.") -> Line:
    return Line(name, None, f"Not known. {why}")


def check_service(name: str, metric: str, action: str) -> Callable[[Samples], Line]:
    def find(samples: Samples) -> Line:
        value = samples.one(metric)
        if value is None:
            return not_known(name)
        if value:
            return Line(name, ok=True, text="It answers.")
        return Line(name, ok=False, text="It does not answer.", action=action, runbook=f"{name}-down")

    return find


def check_heartbeat(name: str, metric: str, action: str) -> Callable[[Samples], Line]:
    def find(samples: Samples) -> Line:
        age = samples.one(metric)
        if age is not None and age <= SILENT:
            return Line(name, ok=True, text=f"It last reported {age:.0f} s ago.")
        if age is None and samples.one("evergreen_redis_up") == 0:
            return not_known(name, "It reports to Redis, which is down.")
        since = "a week or more" if age is None else f"{age:.0f} s"
        return Line(name, ok=False, text=f"It has not reported for {since}.", action=action, runbook=f"{name}-down")

    return find


def find_backlog(samples: Samples) -> Line:
    waiting = samples.one("evergreen_refresh_backlog")
    if waiting is None:
        return not_known("backlog")
    text = f"{waiting:,.0f} stale entries wait for a refresh."
    return compare("backlog", text, waiting, BACKLOG, "Start more workers, or see what invalidates so much.")


def find_queues(samples: Samples) -> Line:
    queues = samples.by_label("evergreen_queue_length", "queue")
    if not queues:
        return not_known("queues", "The broker is down, or no Redis.")
    text = "Tasks that wait: " + ", ".join(f"{name} {count:,.0f}" for name, count in sorted(queues.items())) + "."
    return compare("queues", text, max(queues.values()), BACKLOG, "See whether a worker runs, and what it does.")


def compare(name: str, text: str, value: float, bound: float, action: str) -> Line:
    is_over = value > bound
    return Line(name, not is_over, text, action if is_over else "", "backlog-growing" if is_over else "")


def find_outbox(samples: Samples) -> Line:
    rows, oldest = samples.one("evergreen_outbox_rows"), samples.one("evergreen_outbox_oldest_seconds")
    if rows is None or oldest is None:
        return not_known("outbox", "The database is down.")
    text = f"{rows:,.0f} changes wait for the invalidation log, the oldest for {oldest:,.0f} s."
    if oldest <= OUTBOX:
        return Line("outbox", ok=True, text=text)
    return Line(
        "outbox", ok=False, text=text, action="See that a worker runs and reaches Redis.", runbook="outbox-behind"
    )


def find_jobs(samples: Samples) -> Line:
    intervals = samples.by_label("evergreen_job_interval_seconds", "job")
    if not intervals:
        return not_known("jobs", "The database is down, or no beat has run yet.")
    failed = sorted(name for name, value in samples.by_label("evergreen_job_last_run_failed", "job").items() if value)
    if failed:
        text = f"The last run failed: {', '.join(failed)}."
        return Line("jobs", ok=False, text=text, action="Read the log of the worker.", runbook="job-failed")
    succeeded = samples.by_label("evergreen_job_last_success_timestamp_seconds", "job")
    overdue = [
        name
        for name, at in sorted(succeeded.items())
        if name in intervals and time.time() - at > INTERVALS * intervals[name] + OVERDUE
    ]
    if overdue:
        text = f"No run succeeded for more than {INTERVALS} intervals: {', '.join(overdue)}."
        return Line("jobs", ok=False, text=text, action="See the queues, and the worker.", runbook="job-overdue")
    return Line("jobs", ok=True, text=f"{len(intervals)} jobs are scheduled; none failed or is overdue.")


def find_releases(samples: Samples) -> Line:
    count = samples.one("evergreen_releases")
    if count is None:
        return not_known("releases", "The sums of all processes cannot be read.")
    if count < 2:
        return Line("releases", ok=True, text="All web processes are of one release.")
    text = f"Web processes of {count:,.0f} releases serve readers."
    return Line("releases", ok=False, text=text, action="Finish the roll-out.", runbook="release-mixed")


def find_processes(samples: Samples) -> Line:
    count, deaf = samples.one("evergreen_processes"), samples.one("evergreen_processes_deaf")
    if count is None or deaf is None:
        return not_known("processes", "The sums of all processes cannot be read.")
    if not deaf:
        return Line("processes", ok=True, text=f"{count:,.0f} processes report; each reads the invalidation log.")
    text = f"{deaf:,.0f} of {count:,.0f} processes cannot read the invalidation log, and serve all as stale."
    return Line("processes", ok=False, text=text, action="Check their way to Redis.", runbook="process-deaf")


LINES: Sequence[Callable[[Samples], Line]] = (
    check_service("database", "evergreen_database_up", "Check DATABASE_URL and the database's server."),
    check_service("redis", "evergreen_redis_up", "Check REDIS_URL and its server."),
    check_heartbeat("worker", "evergreen_worker_heartbeat_age_seconds", "Start a worker: celery -A workers worker."),
    check_heartbeat("beat", "evergreen_beat_heartbeat_age_seconds", "Start beat: celery -A workers beat."),
    find_backlog,
    find_queues,
    find_outbox,
    find_jobs,
    find_releases,
    find_processes,
)


def describe(content: str) -> list[Line]:
    """Lines made of an exposition of /metrics."""
    samples = Samples(content)
    return [find(samples) for find in LINES]


def summarize(lines: Sequence[Line]) -> str:
    wrong, unknown = (sum(line.ok is value for line in lines) for value in (False, None))
    if not wrong:
        return "All is well." if not unknown else f"Nothing is known to be wrong; {unknown} lines are not known."
    return f"{wrong} of {len(lines)} need attention."


def as_text(lines: Sequence[Line]) -> Iterator[str]:
    yield summarize(lines)
    for line in lines:
        state = {True: "ok", False: "WRONG", None: "?"}[line.ok]
        see = f" See {RUNBOOKS}/{line.runbook}.md." if line.runbook else ""
        yield f"{state:<6}{line.name:<10} {line.text}{' ' + line.action if line.action else ''}{see}"


@require_safe
async def statusz(request: HttpRequest) -> HttpResponse:
    """As HTML, JSON or text: by `?format=html|json|text`, else by Accept; text for a client that takes anything."""
    if not (is_from_this_host(request) or await is_staff(request)):
        return HttpResponse(REFUSAL, content_type="text/plain", status=403, headers=NO_STORE)
    lines = describe((await cached_metrics.get()).decode())
    form = request.GET.get("format") or choose_form(request)
    if form == "json":
        content = {"status": summarize(lines), "lines": [vars(line) for line in lines]}
        return JsonResponse(content, headers=NO_STORE)
    if form == "html":
        context = {"lines": lines, "summary": summarize(lines), "runbooks": RUNBOOKS}
        response = render(request, "content/status.html", context)
        response["Cache-Control"] = "no-store"
        return response
    return HttpResponse("\n".join(as_text(lines)) + "\n", content_type="text/plain; charset=utf-8", headers=NO_STORE)


def choose_form(request: HttpRequest) -> str:
    accepted = request.headers.get("Accept", "")
    if "text/html" in accepted:
        return "html"
    return "json" if "json" in accepted else "text"
