from django.db import models

from content.models.post import Post


class PostViews(models.Model):
    """How often a post was read: apart from the post, so that counting touches no content.

    `heat` orders posts by views that fade: log2 of the sum over views of 2^(t / half-life), t being
    seconds since the Unix epoch. It needs no recomputing as time passes, since all fade alike
    (forward decay, Cormode et al., ICDE 2009).
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
    """How far the stream of views has been written to PostViews; one row, moved in the same transaction."""

    stream = models.CharField(max_length=100, primary_key=True)
    last_id = models.CharField(max_length=50, default="0-0")

    def __str__(self) -> str:
        return f"{self.stream} up to {self.last_id}"
