"""/statusz for people: what runs beside this process and what waits, each line with what to do. It decides nothing.

The lines are made of the dashboard's snapshot: what is wrong is what its rules find.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from content.ops.attention import Finding
from content.ops.metrics.page import is_from_this_host, is_staff
from content.ops.points import Window
from content.ops.snapshot import take_snapshot, window_of
from content.ops.state.worker_reports import SILENT_AFTER

REFUSAL = "Only this host and staff may read /statusz.\n"
NO_STORE = {"Cache-Control": "no-store"}
RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True)
class Line:
    """ok: None if it is not known. `runbook`: the name of a page of docs/runbooks."""

    name: str
    ok: bool | None
    text: str
    action: str = ""
    runbook: str = ""


def describe_answer(window: Window, name: str) -> str:
    return "It answers." if window.gauge(f"{name}.up") else ""


def describe_heartbeat(window: Window, name: str) -> str:
    age = window.gauge(f"{name}.heartbeat_age_seconds")
    return f"It last reported {age:,.0f} s ago." if age is not None and age <= SILENT_AFTER else ""


def describe_backlog(window: Window) -> str:
    waiting = window.gauge("backlog.refresh")
    return f"{waiting:,.0f} stale entries wait for a refresh." if waiting is not None else ""


def describe_queues(window: Window) -> str:
    counts = [f"{name} {window.gauge(f'queue.{name}'):,.0f}" for name in window.names_below("queue.")]
    return f"Tasks that wait: {', '.join(counts)}." if counts else ""


def describe_outbox(window: Window) -> str:
    rows, oldest = window.gauge("outbox.rows"), window.gauge("outbox.oldest_seconds")
    if rows is None or oldest is None:
        return ""
    return f"{rows:,.0f} changes wait for the invalidation log, the oldest for {oldest:,.0f} s."


def describe_jobs(window: Window) -> str:
    count = window.gauge("jobs")
    return f"{count:,.0f} jobs are scheduled; none failed or is overdue." if count else ""


def describe_releases(window: Window) -> str:
    return "All web processes are of one release." if window.gauge("processes.releases") else ""


def describe_processes(window: Window) -> str:
    count = window.gauge("processes")
    return f"{count:,.0f} processes report; each reads the invalidation log." if count is not None else ""


@dataclass(frozen=True)
class Part:
    """`describe`: a sentence for when no rule has found anything; "" if it is not known. `unknown`: why not."""

    name: str
    describe: Callable[[Window], str]
    unknown: str


SUMS = "The sums of all processes cannot be read."
PARTS = (
    Part("database", lambda window: describe_answer(window, "database"), "It was not asked in time."),
    Part(
        "redis", lambda window: describe_answer(window, "redis"), "This site uses none, or it was not asked in time."
    ),
    Part(
        "worker",
        lambda window: describe_heartbeat(window, "worker"),
        "It reports to Redis, which is down or not used.",
    ),
    Part(
        "beat", lambda window: describe_heartbeat(window, "beat"), "It reports to Redis, which is down or not used."
    ),
    Part("backlog", describe_backlog, "Redis is down, or not used."),
    Part("queues", describe_queues, "The broker is down, or no Redis."),
    Part("outbox", describe_outbox, "The database is down."),
    Part("jobs", describe_jobs, "The database is down, or no beat has run yet."),
    Part("releases", describe_releases, SUMS),
    Part("processes", describe_processes, SUMS),
)


def describe(window: Window, findings: Iterable[Finding]) -> list[Line]:
    """A line for each part that is well or not known, and one for each finding."""
    found = [(finding.subject, wrong(finding)) for finding in findings]
    names = {part.name for part in PARTS}
    lines = list[Line]()
    for part in PARTS:
        its_own = [line for subject, line in found if subject == part.name]
        lines += its_own or [line_of(part, window)]
    return lines + [line for subject, line in found if subject not in names]


def wrong(finding: Finding) -> Line:
    return Line(finding.subject, ok=False, text=finding.problem, action=finding.action, runbook=finding.name)


def line_of(part: Part, window: Window) -> Line:
    text = part.describe(window)
    return Line(part.name, ok=True, text=text) if text else Line(part.name, None, f"Not known. {part.unknown}")


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
        yield f"{state:<6}{line.name:<11} {line.text}{' ' + line.action if line.action else ''}{see}"


@require_safe
async def statusz(request: HttpRequest) -> HttpResponse:
    """As HTML, JSON or text: by `?format=html|json|text`, else by Accept; text for a client that takes anything."""
    if not (is_from_this_host(request) or await is_staff(request)):
        return HttpResponse(REFUSAL, content_type="text/plain", status=403, headers=NO_STORE)
    snapshot = await take_snapshot()
    lines = describe(window_of(snapshot), snapshot.verdict.findings)
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
