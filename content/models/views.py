from django.db import models

from content.models.post import Post


class PostViews(models.Model):
    """The views of a post. It is a table of its own, so that counting changes no content.

    `heat` ranks posts by views that decay with time: log2 of the sum over views of 2^(t / half-life), where t is in
    seconds since the Unix epoch. It is never recomputed, since all views decay alike (forward decay, Cormode et al.,
    ICDE 2009).
    """

    post = models.OneToOneField(Post, on_delete=models.CASCADE, primary_key=True, related_name="view_counts")
    total = models.PositiveBigIntegerField(default=0)
    heat = models.FloatField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "post views"
        indexes = [
            models.Index(fields=["-total"], name="post_views_by_total"),
            models.Index(fields=["-heat"], name="post_views_by_heat"),
        ]

    def __str__(self) -> str:
        return f"{self.total} views of post {self.post_id}"


class ViewCursor(models.Model):
    """The last record of the stream of views that is in PostViews; one row, updated in the same transaction."""

    stream = models.CharField(max_length=100, primary_key=True)
    last_id = models.CharField(max_length=50, default="0-0")

    def __str__(self) -> str:
        return f"{self.stream} up to {self.last_id}"
