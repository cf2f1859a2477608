"""Runs of warming: how far they are, with buttons to steer them. Posts and lists have an action that starts one."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join

from content.admin.description import as_table
from content.models import Post, WarmRun
from content.warming.choice import MOST_CHOSEN, Choice
from content.warming.runs import (
    SHOWN_FAILURES,
    STEERING,
    SteeringError,
    Trigger,
    describe_choice,
    describe_run,
    find_run,
    retry_run,
    start_run,
    summarize_run,
    verbs_of,
)

VERBS = (*STEERING, "retry")


def may_steer(request: HttpRequest) -> bool:
    return request.user.has_perm("content.steer_warmrun")


def steer(modeladmin: admin.ModelAdmin, request: HttpRequest, run: WarmRun, verb: str) -> WarmRun:
    """Do it, and show what has happened. Returns the new run of "retry", else the same."""
    try:
        if verb == "retry":
            new, _ = retry_run(run, trigger=Trigger.ADMIN, started_by=request.user.get_username())
            text, run = f"Run {new.pk} retries the failures of run {run.pk}.", new
        else:
            text = STEERING[verb](run)
        modeladmin.message_user(request, text, messages.SUCCESS)
    except SteeringError as error:
        modeladmin.message_user(request, str(error), messages.ERROR)
    return run


def action_of(verb: str) -> Callable[..., None]:
    label = "Retry the failures of the selected runs" if verb == "retry" else f"{verb.title()} the selected runs"

    @admin.action(permissions=["steer"], description=label)
    def act(modeladmin: admin.ModelAdmin, request: HttpRequest, runs: QuerySet[WarmRun]) -> None:
        for run in runs:
            steer(modeladmin, request, run, verb)

    act.__name__ = f"{verb}_runs"
    return act


@admin.register(WarmRun)
class WarmRunAdmin(admin.ModelAdmin):
    list_display = ["__str__", "plan", "state", "progress", "failed", "trigger", "started_by", "created_at"]
    list_filter = ["state", "trigger"]
    list_per_page = 50
    search_fields = ["started_by", "message"]
    actions = [action_of(verb) for verb in VERBS]
    change_form_template = "admin/content/warmrun/change_form.html"
    fields = ["summary", "numbers", "failures"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WarmRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WarmRun | None = None) -> bool:
        return False

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Django calls this for the actions with permission "steer"."""
        return may_steer(request)

    def get_urls(self) -> list[Any]:
        steering = path("<int:pk>/steer/", self.admin_site.admin_view(self.steer_one), name="content_warmrun_steer")
        return [steering, *super().get_urls()]

    def steer_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A button of the page of a run."""
        verb = request.POST.get("verb", "")
        if not may_steer(request) or verb not in VERBS:
            raise PermissionDenied
        try:
            run = steer(self, request, find_run(pk), verb)
        except SteeringError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:content_warmrun_changelist"))
        return HttpResponseRedirect(page_of(run))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        run = kwargs.get("obj")
        more = {"verbs": verbs_of(run) if run and may_steer(request) else [], "is_active": run and run.is_active}
        return super().render_change_form(request, context | more, *args, **kwargs)

    @admin.display(description="plan")
    def plan(self, run: WarmRun) -> str:
        return describe_choice(run)

    @admin.display(description="progress")
    def progress(self, run: WarmRun) -> str:
        share = f" ({run.done / run.planned:.0%})" if run.planned else ""
        return f"{run.done:,} of {run.planned:,}{share}" if run.planned is not None else f"{run.done:,}"

    @admin.display(description="summary")
    def summary(self, run: WarmRun) -> str:
        return summarize_run(run)

    @admin.display(description="numbers")
    def numbers(self, run: WarmRun) -> str:
        """All that a description has, but for what the page shows elsewhere."""
        return as_table(describe_run(run), without=("id", "failures", "message", "choice", "coverage"))

    @admin.display(description="failures")
    def failures(self, run: WarmRun) -> str:
        rows = run.failures.values_list("target", "reason")[:SHOWN_FAILURES]
        return format_html_join("", "{}: {}<br>", rows) or "none"


def page_of(run: WarmRun) -> str:
    return reverse("admin:content_warmrun_change", args=[run.pk])


# --- actions of posts and lists ---------------------------------------------------------------------------


class WarmActionMixin:
    """Adds the action `warm_selected` to an admin."""

    def has_warm_permission(self, request: HttpRequest) -> bool:
        """Django calls this for the actions with permission "warm"."""
        return may_steer(request)


@admin.action(permissions=["warm"], description="Warm the pages of the selected")
def warm_selected(modeladmin: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    """Start a run of their pages. Posts that are not public have none."""
    chosen = list(rows[: MOST_CHOSEN + 1])
    public = [row for row in chosen if not isinstance(row, Post) or row.is_public]
    if len(chosen) > MOST_CHOSEN:
        text = f"At most {MOST_CHOSEN:,} can be warmed at once. Nothing was started. For all: warm_cache --all."
        modeladmin.message_user(request, text, messages.ERROR)
    elif not public:
        modeladmin.message_user(request, "None of these is public, so there is no page to warm.", messages.ERROR)
    else:
        start(modeladmin, request, (row.get_absolute_url() for row in public), left_out=len(chosen) - len(public))


def start(modeladmin: admin.ModelAdmin, request: HttpRequest, urls: Iterable[str], *, left_out: int) -> None:
    choice = Choice(urls=tuple(urls))
    run, is_new = start_run(choice, trigger=Trigger.ADMIN, started_by=request.user.get_username())
    same = "" if is_new else " It was active already."
    private = f" {left_out} not public, left out." if left_out else ""
    link = format_html('<a href="{}">Run {}</a>', page_of(run), run.pk)
    text = format_html("{} warms {} pages.{}{}", link, len(choice.urls), same, private)
    modeladmin.message_user(request, text, messages.SUCCESS)
