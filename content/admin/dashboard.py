"""The first page of the admin: drafts, scheduled posts and comments to moderate."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from content.models import Comment, Post

# The most drafts, and the most scheduled posts.
MOST_SHOWN = 5


def dashboard_context(request: HttpRequest) -> dict[str, Any]:
    """The latest drafts, the next scheduled posts and the number of pending comments, if the user may see them."""
    context: dict[str, Any] = {}
    if request.user.has_perm("content.view_post"):
        posts = Post.objects.only("pk", "title", "published_at", "updated_at")
        drafts = posts.filter(status=Post.Status.DRAFT)
        scheduled = posts.filter(status=Post.Status.SCHEDULED, published_at__gt=timezone.now())
        context |= {
            "drafts": drafts.order_by("-updated_at")[:MOST_SHOWN],
            "draft_count": drafts.count(),
            "scheduled": scheduled.order_by("published_at")[:MOST_SHOWN],
        }
    if request.user.has_perm("content.view_comment"):
        context["pending_comments"] = Comment.objects.filter(status=Comment.Status.PENDING).count()
    return context
