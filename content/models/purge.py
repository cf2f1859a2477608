from django.db import models
from django.utils import timezone


class Purge(models.Model):
    """One purge on order: who started it, what was named, what it would touch, and what it did.

    selection   what was named, as data; of a very large one the first of each kind. `named` counts all
    tags        the first of the tags that were ended; `tag_count` counts all
    touched     entries by resource, "page" for pages, before it; with entries, pages and bytes None if unknown
    in_passing  entries that show a part of it, and become stale
    judged      entries that were judged against the log after it; `ended` of them were no longer fresh
    reached     other processes that followed the log after it; `deaf` did not, and serve nothing as fresh
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Trigger(models.TextChoices):
        COMMAND = "command"
        TASK = "task"
        ADMIN = "admin"
        API = "api"

    trigger = models.CharField(max_length=10, choices=Trigger)
    started_by = models.CharField(max_length=150, blank=True)
    selection = models.JSONField(default=dict)
    named = models.PositiveIntegerField(default=0)
    soft = models.BooleanField(default=False)

    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    message = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    tags = models.JSONField(default=list)
    tag_count = models.PositiveIntegerField(default=0)
    touched = models.JSONField(null=True)
    entries = models.PositiveIntegerField(null=True)
    pages = models.PositiveIntegerField(null=True)
    bytes = models.PositiveBigIntegerField(null=True)
    in_passing = models.PositiveIntegerField(null=True)
    already_purged = models.PositiveIntegerField(null=True)
    is_complete = models.BooleanField(default=False)
    judged = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    reached = models.PositiveIntegerField(null=True)
    deaf = models.PositiveIntegerField(null=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("start_purge", "Can purge pages and entries")]
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Purge {self.pk}"
