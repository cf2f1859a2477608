from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.timesince import timesince

from content.admin.versioned import VersionedAdmin
from content.models import Comment
from content.services.comments import moderate

Status = Comment.Status
EXCERPT = 160


def make_action(status: Status, verb: str) -> Callable[..., None]:
    """An admin action that sets the status of the selected comments and reports how many changed."""

    @admin.action(permissions=["change"], description=f"{verb} the selected comments")
    def action(modeladmin: admin.ModelAdmin, request: HttpRequest, comments: QuerySet[Comment]) -> None:
        count = moderate(list(comments.values_list("pk", flat=True)), status)
        unchanged = comments.count() - count
        note = f", {unchanged} unchanged" if unchanged > 0 else ""
        modeladmin.message_user(request, f"{status.label}: {count}{note}.", messages.SUCCESS)

    action.__name__ = f"to_{status.value}"
    return action


@admin.register(Comment)
class CommentAdmin(VersionedAdmin):
    """The moderation queue: pending comments first, the newest at the top."""

    list_display = ["excerpt", "author_name", "on_post", "age", "status"]
    list_filter = ["status", "created_at"]
    list_per_page = 50
    list_select_related = ["post"]
    search_fields = ["body", "author_name", "author_email", "post__title"]
    date_hierarchy = "created_at"
    fields = ["post_link", "author_name", "author_email", "body", "status", "created_at"]
    readonly_fields = ["post_link", "created_at"]
    actions = [
        make_action(Status.APPROVED, "Approve"),
        make_action(Status.REJECTED, "Reject"),
        make_action(Status.SPAM, "Mark as spam"),
    ]

    class Media:
        css = {"all": ["content/admin/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Comments are written by readers."""
        return False

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        pending = Case(When(status=Status.PENDING, then=Value(0)), default=Value(1), output_field=IntegerField())
        return [pending, "-created_at", "-pk"]

    @admin.display(description="comment")
    def excerpt(self, comment: Comment) -> str:
        return Truncator(comment.body).chars(EXCERPT)

    @admin.display(description="post", ordering="post__title")
    def on_post(self, comment: Comment) -> str:
        url = reverse("admin:content_post_change", args=[comment.post_id])
        return format_html('<a href="{}">{}</a>', url, comment.post.title)

    post_link = on_post

    @admin.display(description="age", ordering="-created_at")
    def age(self, comment: Comment) -> str:
        return format_html(
            '<time datetime="{}">{}</time>',
            comment.created_at.isoformat(),
            timesince(comment.created_at, timezone.now(), depth=1),
        )
