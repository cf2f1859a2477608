from datetime import datetime

from django.db import models

from content.models.post import Post


class ListedPostQuerySet(models.QuerySet["ListedPost"]):
    def of(self, kind: str, term: int) -> "ListedPostQuerySet":
        return self.filter(kind=kind, term=term)

    def public(self, now: datetime) -> "ListedPostQuerySet":
        return self.filter(published_at__lte=now)

    def newest_first(self) -> "ListedPostQuerySet":
        return self.order_by("-published_at", "-post_id")


class ListedPost(models.Model):
    """A post's place in one list. A scheduled post has its places before its time. Only triggers write it.

    kind    all, pages, category, tag or author
    term    primary key of the category, tag or author; 0 for all and pages
    """

    kind = models.CharField(max_length=8)
    term = models.BigIntegerField(default=0)
    published_at = models.DateTimeField()
    post = models.ForeignKey(Post, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")

    objects = ListedPostQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["kind", "term", "-published_at", "-post"], name="listed_newest_first")]
        constraints = [models.UniqueConstraint(fields=["post", "kind", "term"], name="listed_once_in_a_list")]

    def __str__(self) -> str:
        return f"post {self.post_id} in {self.kind} {self.term}"


class ListCount(models.Model):
    """The number of places of a list in a month of UTC (202605); month 0 has the total. Only triggers write it.

    On PostgreSQL a transaction sees its own writes counted once it has committed.
    Scheduled posts are included. Readers' counts subtract them.
    """

    kind = models.CharField(max_length=8)
    term = models.BigIntegerField(default=0)
    month = models.IntegerField()
    posts = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "term", "month"], name="list_count_once_a_month")]
        indexes = [
            models.Index(
                fields=["kind", "-posts", "term"], condition=models.Q(month=0), name="list_count_most_posts_first"
            )
        ]

    def __str__(self) -> str:
        return f"{self.posts} in {self.kind} {self.term}, month {self.month}"
