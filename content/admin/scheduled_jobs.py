"""The schedule of beat: seen, paused and changed. Beat takes a change within seconds."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince

from content.admin.versioned import VersionedAdmin
from content.models import ScheduledJob

# Beat writes its times every few seconds, and a busy one sends late.
LATE = timedelta(seconds=60)
WITHIN = "Beat does so within seconds."


def change_jobs(
    modeladmin: admin.ModelAdmin, request: HttpRequest, jobs: QuerySet[Any], text: str, **to: Any
) -> None:
    count = jobs.update(**to)
    modeladmin.message_user(request, f"{text}: {count}. {WITHIN}", messages.SUCCESS)


@admin.action(permissions=["change"], description="Pause the selected jobs")
def pause_jobs(modeladmin: admin.ModelAdmin, request: HttpRequest, jobs: QuerySet[ScheduledJob]) -> None:
    change_jobs(modeladmin, request, jobs, "Paused", paused=True)


@admin.action(permissions=["change"], description="Resume the selected jobs")
def resume_jobs(modeladmin: admin.ModelAdmin, request: HttpRequest, jobs: QuerySet[ScheduledJob]) -> None:
    change_jobs(modeladmin, request, jobs, "Resumed", paused=False)


@admin.action(permissions=["change"], description="Restore the defaults of the selected jobs")
def restore_jobs(modeladmin: admin.ModelAdmin, request: HttpRequest, jobs: QuerySet[ScheduledJob]) -> None:
    change_jobs(modeladmin, request, jobs, "Restored", paused=False, seconds=None)


@admin.register(ScheduledJob)
class ScheduledJobAdmin(VersionedAdmin):
    list_display = ["name", "interval", "default_seconds", "state", "last_sent_at", "next_due_at"]
    actions = [pause_jobs, resume_jobs, restore_jobs]
    fields = ["name", "reason", "seconds", "default_seconds", "paused", "state", "last_sent_at", "next_due_at"]
    readonly_fields = ["name", "reason", "default_seconds", "state", "last_sent_at", "next_due_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Beat adds a row for each job."""
        return False

    def save_model(self, request: HttpRequest, obj: ScheduledJob, form: Any, change: bool) -> None:
        """Only what a person may change: beat writes the times meanwhile."""
        obj.save(update_fields=["seconds", "paused"])

    @admin.display(description="interval in seconds")
    def interval(self, job: ScheduledJob) -> str:
        return f"{job.every.total_seconds():,.0f}"

    @admin.display(description="state")
    def state(self, job: ScheduledJob) -> str:
        if job.paused:
            return "paused"
        if job.next_due_at is None:
            return "not scheduled: no beat that runs has taken it"
        if timezone.now() - job.next_due_at > LATE:
            return f"late by {timesince(job.next_due_at)}: start beat, or see its log"
        return "scheduled"
