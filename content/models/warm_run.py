from typing import Any

from django.db import models


class WarmRun(models.Model):
    """One run of warming: who started it, what it chose, and how far it has come.

    The targets are not stored: `choice` names them, and `checkpoint` says behind which row of the catalogue the run
    goes on, with the counts of that moment. So another process takes over without losing or doubling a target.

    token         of the process that works on the run. An update by another process matches no row
    heartbeat_at  written each second while a process works on the run
    release       the release whose entries are warmed
    digest        of the choice: of two runs with the same choice, one may be active
    seconds       of work, without pauses
    coverage      of the hottest entries in Redis when it had ended
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        PAUSED = "paused"
        DONE = "done"
        CANCELLED = "cancelled"
        STOPPED = "stopped"

    class Trigger(models.TextChoices):
        COMMAND = "command"
        TASK = "task"
        ADMIN = "admin"
        API = "api"
        LOOP = "loop"

    ACTIVE = (State.QUEUED, State.RUNNING)

    trigger = models.CharField(max_length=10, choices=Trigger)
    started_by = models.CharField(max_length=150, blank=True)
    choice = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    release = models.CharField(max_length=64)
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="retries")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    message = models.CharField(max_length=500, blank=True)
    checkpoint = models.JSONField(null=True)
    token = models.CharField(max_length=64, blank=True)
    worker = models.CharField(max_length=150, blank=True)
    takeovers = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    planned = models.PositiveIntegerField(null=True)
    fresh = models.PositiveIntegerField(default=0)
    warmed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    queries = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    coverage: Any = models.JSONField(null=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("steer_warmrun", "Can start, pause, resume and cancel warm runs")]
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state"], name="warmrun_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "digest"], condition=models.Q(state__in=["queued", "running"]), name="warmrun_once"
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    @property
    def done(self) -> int:
        """Targets that the run is through with."""
        return self.fresh + self.warmed + self.failed + self.skipped

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class WarmFailure(models.Model):
    """A target that a run could not warm, by the name of its entry, with the reason."""

    run = models.ForeignKey(WarmRun, models.CASCADE, related_name="failures")
    target = models.CharField(max_length=600)
    reason = models.CharField(max_length=300)

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "target"], name="warmfailure_once")]

    def __str__(self) -> str:
        return f"{self.target}: {self.reason}"


class WarmAddresses(models.Model):
    """A part of the addresses that a run has from an access log: up to a thousand paths, the most read first."""

    run = models.ForeignKey(WarmRun, models.CASCADE, related_name="addresses")
    number = models.PositiveIntegerField()
    paths: Any = models.JSONField()

    class Meta:
        default_permissions = ()
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="warmaddresses_once")]

    def __str__(self) -> str:
        return f"{len(self.paths)} addresses of run {self.run_id}"
