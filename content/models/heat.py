from django.db import models


class HeatSnapshot(models.Model):
    """The hottest entries of a cache as of a moment, from which a Redis that lost its data is restored.

    One row a cache: a write is one statement, the table does not grow, and of two writers at once the last one wins.
    `prefix` is the cache's. `scores` has name, score of minutes and score of days of each entry, the hottest first;
    see content.caching.heat.
    """

    prefix = models.CharField(max_length=200, primary_key=True)
    scores = models.JSONField()
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{len(self.scores)} entries of {self.prefix}"
