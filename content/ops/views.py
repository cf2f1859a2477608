"""The pages of /ops/: the dashboard, explanations, and the orders of operators."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from content.caching.edge.explain import explain_key, explain_url
from content.caching.engines import engine_of
from content.ops.attention import NAMES
from content.ops.explanation import as_tree
from content.ops.forms import PURGE_KINDS, PurgeForm, WarmForm
from content.ops.orders import FAILURES, order_purge, order_run, steer_run
from content.ops.page import describe_page
from content.ops.panels.orders import purges, runs
from content.ops.panels.panel import ALIAS
from content.ops.snapshot import take_snapshot
from content.ops.staff import PURGE, STEER, Staff, for_staff, staff_of_request
from content.purging import BadSelection, Outcome
from content.purging.run import read_loop
from content.purging.sentences import UNRECORDED, describe_missing, describe_plan, describe_result
from content.rendering import render_markdown
from content.warming.choice import ChoiceError
from content.warming.runs import SteeringError

LONGEST_TARGET = 2048
NO_DATABASE = "Nothing was ordered: the database does not answer."


def respond(request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
    staff = staff_of_request(request)
    context |= {"staff": staff, "may_steer": staff.may(STEER), "may_purge": staff.may(PURGE)}
    return render(request, f"ops/{template}.html", context, status=status)


def back(request: HttpRequest) -> HttpResponse:
    """Redirect to the dashboard, which shows the order at once."""
    for source in (runs, purges):
        source.clear()
    return HttpResponseRedirect(reverse("ops"))


@for_staff
@require_safe
async def dashboard(request: HttpRequest) -> HttpResponse:
    snapshot = await take_snapshot()
    page = describe_page(snapshot)
    staff = staff_of_request(request)
    order_forms = [form() for permission, form in ((STEER, WarmForm), (PURGE, PurgeForm)) if staff.may(permission)]
    return respond(request, "dashboard", page=page, order_forms=order_forms)


# --- explaining -------------------------------------------------------------------------------------------


@for_staff
@require_safe
async def explain(request: HttpRequest) -> HttpResponse:
    """An address or a key as a tree."""
    target = request.GET.get("target", "").strip()[:LONGEST_TARGET]
    if not target:
        return respond(request, "explain")
    url = absolute(request, target)
    engine = engine_of(ALIAS)
    report = await (explain_url(engine, url) if "://" in url else explain_key(engine, url))
    return respond(request, "explain", target=target, tree=as_tree(report), purge=purge_of(report, target))


def absolute(request: HttpRequest, target: str) -> str:
    """A path as the address by which readers ask for it."""
    if not target.startswith("/"):
        return target
    origin = settings.WARM_ORIGINS[0] if settings.WARM_ORIGINS else f"{request.scheme}://{request.get_host()}"
    return f"{origin}{target}"


def purge_of(report: dict[str, Any], target: str) -> dict[str, str]:
    """The fields of a form that purges what is explained: a page by its address, an entry by its first tag."""
    if report["key"].startswith("page@"):
        return {"kind": "urls", "text": target} if target.startswith(("/", "http")) else {}
    tags = (report.get("entry") or {}).get("tags", ())
    return {"kind": "tags", "text": tags[0]} if tags else {}


# --- orders -----------------------------------------------------------------------------------------------


@for_staff
async def warm(request: HttpRequest) -> HttpResponse:
    """Start a run, and return to the dashboard, which shows it."""
    if refused := refuse(request, STEER):
        return refused
    form = WarmForm(request.POST)
    if not form.is_valid():
        return respond(request, "order", 400, form=form)
    try:
        run, is_new = await order_run(form.choice(), staff_of_request(request).name)
    except (DatabaseError, InterfaceError):
        messages.error(request, NO_DATABASE)
    except ChoiceError as error:
        form.add_error("text", str(error))
        return respond(request, "order", 422, form=form)
    else:
        link = format_html('<a href="{}">Run {}</a>', reverse("admin:content_warmrun_change", args=[run.pk]), run.pk)
        text = "{} is queued. A worker takes it within a second." if is_new else "{} does the same, and is active."
        messages.success(request, format_html(text, link))
    return back(request)


@for_staff
async def steer(request: HttpRequest, pk: int) -> HttpResponse:
    """A button of a run."""
    if refused := refuse(request, STEER):
        return refused
    try:
        text = await steer_run(pk, request.POST.get("verb", ""), staff_of_request(request).name)
        messages.success(request, text)
    except SteeringError as error:
        messages.error(request, str(error))
    except (DatabaseError, InterfaceError):
        messages.error(request, NO_DATABASE)
    return back(request)


@for_staff
async def purge(request: HttpRequest) -> HttpResponse:
    """Say what the purge touches and ask; purge after the confirmation."""
    if refused := refuse(request, PURGE):
        return refused
    form = PurgeForm(request.POST)
    if not form.is_valid():
        return respond(request, "order", 400, form=form)
    is_confirmed = form.cleaned_data["confirmed"]
    try:
        outcome = await order_purge(
            form.selection(), staff_of_request(request).name, soft=form.soft, dry_run=not is_confirmed
        )
    except BadSelection as error:
        form.add_error("text", f"Nothing was purged. {error}")
        return respond(request, "order", 422, form=form)
    except FAILURES as error:
        messages.error(request, f"Some processes may still serve what you purged: {error}. Try again.")
        return back(request)
    if not is_confirmed:
        return respond(
            request, "confirm", form=form, what=dict(PURGE_KINDS)[form.cleaned_data["kind"]], **plan(outcome)
        )
    await report(request, outcome)
    return back(request)


def plan(outcome: Outcome) -> dict[str, Any]:
    return {
        "plan": describe_plan(outcome, dry_run=True),
        "missing": list(describe_missing(outcome)),
        "soft": outcome.soft,
    }


async def report(request: HttpRequest, outcome: Outcome) -> None:
    text = " ".join([describe_result(outcome, await read_loop()), *describe_missing(outcome)])
    if outcome.id is None:
        messages.warning(request, f"{text} {UNRECORDED}")
        return
    link = reverse("admin:content_purge_change", args=[outcome.id])
    messages.success(request, format_html('<a href="{}">Purge {}</a>. {}', link, outcome.id, text))


def refuse(request: HttpRequest, permission: str) -> HttpResponse | None:
    """The response to another method than POST, and to people without the permission. None for all others."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    staff: Staff = staff_of_request(request)
    if staff.may(permission):
        return None
    why = (
        "You may look, and not order this." if staff.is_current else "The database does not answer: nobody can order."
    )
    messages.error(request, why)
    return back(request)


@for_staff
@require_safe
async def runbook(request: HttpRequest, name: str) -> HttpResponse:
    """A runbook of docs/runbooks, as a page. 404 where the documentation is not installed."""
    if name not in NAMES:
        raise Http404
    try:
        text = (settings.BASE_DIR / "docs" / "runbooks" / f"{name}.md").read_text("utf-8")
    except OSError as error:
        raise Http404 from error
    return respond(request, "runbook", name=name, body=mark_safe(render_markdown(text)))  # noqa: S308  # our own file


@for_staff
async def nothing(request: HttpRequest) -> HttpResponse:
    raise Http404
