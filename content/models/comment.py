from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from content.models.post import Post
from content.rendering import render_comment, shortened

LONGEST_COMMENT = 10_000


class Comment(models.Model):
    """What a reader wrote under a post; shown once it has been approved.

    `body` is what was typed, `html` what is shown. The mail address is for moderators alone, and is never served.
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
        """What cannot stand in one thread is told beside the form's field."""
        if self.parent is not None and (self.parent.post_id != self.post_id or self.parent.pk == self.pk):
            raise ValidationError({"parent": "A reply stands under the same post as what it replies to."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Render the text once, here; bulk writes call `render_comment` themselves."""
        self.html = render_comment(self.body)
        super().save(*args, **kwargs)
