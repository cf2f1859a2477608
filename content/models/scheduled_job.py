from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

# Seconds.
SHORTEST, LONGEST = 1, 24 * 3600


class ScheduledJob(models.Model):
    """A job of beat, as an operator sees and changes it. Beat makes a row for each; without it the default holds.

    seconds          between two sendings, SHORTEST to LONGEST; None for those of the code, `default_seconds`
    last_sent_at     when beat sent it last; beat writes both times every few seconds
    next_due_at      when it sends it next; None while it is paused
    """

    name = models.CharField(max_length=100, unique=True)
    reason = models.CharField(max_length=300, blank=True)
    default_seconds = models.PositiveIntegerField()
    seconds = models.PositiveIntegerField(
        "interval in seconds",
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST), MaxValueValidator(LONGEST)],
        help_text=f"{SHORTEST} to {LONGEST:,}; empty for the default.",
    )
    paused = models.BooleanField(default=False, help_text="Beat does not send it.")
    last_sent_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view", "change", "delete")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def every(self) -> timedelta:
        """The interval in use."""
        return timedelta(seconds=self.default_seconds if self.seconds is None else self.seconds)
