"""Purges: what each touched and did. Posts and lists have an action that purges softly what shows them."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from redis.exceptions import RedisError

from content.admin.description import as_table
from content.caching import CacheError
from content.models import Purge
from content.purging import BadSelection, Outcome, Selection, Trigger, describe_purge, run_purge
from content.purging.row import describe_selection, message_of
from content.purging.run import read_loop
from content.purging.selection import MOST_NAMED
from content.purging.sentences import UNRECORDED, describe_missing, describe_plan, describe_result

# Names on the page of confirmation; the other rows are counted.
NAMES_SHOWN = 20


@admin.register(Purge)
class PurgeAdmin(admin.ModelAdmin):
    list_display = ["__str__", "plan", "soft", "state", "entries", "pages", "trigger", "started_by", "created_at"]
    list_filter = ["state", "trigger", "soft"]
    list_per_page = 50
    search_fields = ["started_by", "message"]
    fields = ["plan", "message_now", "numbers"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Purge | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Purge | None = None) -> bool:
        return False

    @admin.display(description="plan")
    def plan(self, row: Purge) -> str:
        return describe_selection(row)

    @admin.display(description="message")
    def message_now(self, row: Purge) -> str:
        return message_of(row) or "-"

    @admin.display(description="numbers")
    def numbers(self, row: Purge) -> str:
        """All that a description has, but for what the page shows elsewhere."""
        return as_table(describe_purge(row), without=("id", "plan", "message", "selection"))


# --- the action of posts and lists ------------------------------------------------------------------------


class PurgeActionMixin:
    """Adds the action `purge_selected` to an admin."""

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """Django calls this for the actions with permission "purge"."""
        return request.user.has_perm("content.start_purge")


@admin.action(permissions=["purge"], description="Purge (soft) the pages of the selected")
def purge_selected(modeladmin: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Say what it would touch and ask; purge after the confirmation."""
    pks = list(rows.order_by("pk").values_list("pk", flat=True)[: MOST_NAMED + 1])
    if len(pks) > MOST_NAMED:
        text = f"At most {MOST_NAMED:,} can be purged at once. Nothing was purged. For all: purge_cache --all --soft."
        modeladmin.message_user(request, text, messages.ERROR)
        return None
    is_confirmed = bool(request.POST.get("confirmed"))
    try:
        outcome = async_to_sync(run_purge)(
            Selection(groups=tuple(f"{modeladmin.opts.model_name}:{pk}" for pk in pks)),
            soft=True,
            trigger=Trigger.ADMIN,
            started_by=request.user.get_username(),
            dry_run=not is_confirmed,
        )
    except BadSelection as error:
        modeladmin.message_user(request, f"Nothing was purged. {error}", messages.ERROR)
    except (CacheError, RedisError, OSError) as error:
        text = f"Some processes may still serve what you purged: {error}. Try again."
        modeladmin.message_user(request, text, messages.ERROR)
    else:
        if not is_confirmed:
            return ask(modeladmin, request, rows, pks, outcome)
        report(modeladmin, request, outcome)
    return None


def ask(
    modeladmin: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Any], pks: list[int], planned: Outcome
) -> HttpResponse:
    name = modeladmin.opts.verbose_name if len(pks) == 1 else modeladmin.opts.verbose_name_plural
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": f"Purge the pages of {len(pks)} {name}?",
        "opts": modeladmin.opts,
        "media": modeladmin.media,
        "action": "purge_selected",
        "verb": "Purge",
        "text": describe_plan(planned, dry_run=True),
        "pks": pks,
        "titles": [str(row) for row in rows[:NAMES_SHOWN]],
        "more": max(0, len(pks) - NAMES_SHOWN),
    }
    return TemplateResponse(request, "admin/content/confirm.html", context)


def report(modeladmin: admin.ModelAdmin, request: HttpRequest, outcome: Outcome) -> None:
    result = " ".join([describe_result(outcome, async_to_sync(read_loop)()), *describe_missing(outcome)])
    if outcome.id is None:
        modeladmin.message_user(request, f"{result} {UNRECORDED}", messages.WARNING)
        return
    link = reverse("admin:content_purge_change", args=[outcome.id])
    text = format_html('<a href="{}">Purge {}</a>. {}', link, outcome.id, result)
    modeladmin.message_user(request, text, messages.SUCCESS)
