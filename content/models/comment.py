from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from content.models.post import Post
from content.rendering import render_comment, shortened

LONGEST_COMMENT = 10_000


class Comment(models.Model):
    """A reader's comment on a post. It is shown once a moderator has approved it.

    `body` is the typed text and `html` is shown. Only moderators see the mail address.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        SPAM = "spam", "Spam"

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replies")
    author_name = models.CharField(max_length=100)
    author_email = models.EmailField(blank=True)
    body = models.TextField(max_length=LONGEST_COMMENT)
    html = models.TextField(blank=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField(default=timezone.now)
    source_path = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(fields=["post", "status", "created_at", "id"], name="comment_of_post"),
            models.Index(fields=["status", "-created_at"], name="comment_to_moderate"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "approved", "rejected", "spam"]),
                name="comment_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}: {shortened(self.body, 60)}"

    def clean(self) -> None:
        """Show a parent of another post as an error of its field."""
        if self.parent is not None and (self.parent.post_id != self.post_id or self.parent.pk == self.pk):
            raise ValidationError({"parent": "A reply must be on the same post as its parent."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Render the text once, here; bulk writes call `render_comment` themselves."""
        self.html = render_comment(self.body)
        super().save(*args, **kwargs)
