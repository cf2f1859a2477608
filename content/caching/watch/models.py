from django.db import models
from django.db.models.functions import Now


class WatchedChange(models.Model):
    """A row of the outbox, written by a trigger in the statement that it is about.

    `changes` is a JSON list: [key, old, new, changed columns] for each row, or ["*"] for all of them. `writer` names
    the process that wrote, if it has said so. `epoch` is that of the log that took the tags, empty until then, and
    `appended_at` the time of it. `tags` are those that were appended, as JSON (AppendedTags of outbox.py), where they
    are few. `failure` says why a row was set aside.
    """

    model = models.CharField(max_length=200)
    changes = models.TextField()
    writer = models.CharField(max_length=32, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    epoch = models.CharField(max_length=100, default="", db_default="")
    appended_at = models.DateTimeField(null=True)
    failure = models.TextField(default="", db_default="")
    tags = models.TextField(default="", db_default="")

    class Meta:
        app_label = "caching_watch"
        indexes = [models.Index(fields=["id"], name="watched_change_waiting", condition=models.Q(epoch=""))]

    def __str__(self) -> str:
        return f"{self.model}, {self.appended_at or 'not appended'}"


class PendingChanges(models.Model):
    """SQLite only: how many changes of a model wait in the outbox. Past a bound its triggers name no single row."""

    model = models.CharField(max_length=200, primary_key=True)
    number = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "caching_watch"

    def __str__(self) -> str:
        return f"{self.model}: {self.number}"
