"""What waits for somebody, for the first page of the admin."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from content.models import Comment, Post

# Of each kind.
SHOWN = 5


def desk(request: HttpRequest) -> dict[str, Any]:
    """Drafts that were touched last, what is published next, how many comments wait: for those who may see them."""
    waits: dict[str, Any] = {}
    if request.user.has_perm("content.view_post"):
        posts = Post.objects.only("pk", "title", "published_at", "updated_at")
        drafts = posts.filter(status=Post.Status.DRAFT)
        scheduled = posts.filter(status=Post.Status.SCHEDULED, published_at__gt=timezone.now())
        waits |= {
            "drafts": drafts.order_by("-updated_at")[:SHOWN],
            "draft_count": drafts.count(),
            "scheduled": scheduled.order_by("published_at")[:SHOWN],
        }
    if request.user.has_perm("content.view_comment"):
        waits["pending_comments"] = Comment.objects.filter(status=Comment.Status.PENDING).count()
    return waits
