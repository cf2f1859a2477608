from django.db import models
from django.utils import timezone


class PendingInvalidation(models.Model):
    """An invalidation, written in the transaction whose change it is for (transactional outbox).

    `epoch` is that of the log it was appended to, empty until then: a log that lost its epoch gets it again.
    """

    nonce = models.CharField(max_length=32, unique=True)
    tags = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    epoch = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["epoch", "created_at"], name="pending_by_epoch")]

    def __str__(self) -> str:
        return f"{len(self.tags)} tags, {self.epoch or 'not appended'}"
