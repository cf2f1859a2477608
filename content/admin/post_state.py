"""What a post is to its readers now, which its row does not say alone: a scheduled one becomes public by its time."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from content.models import Post

Status = Post.Status
ANNOUNCED = (Status.PUBLISHED, Status.SCHEDULED)
PROTECTED = "protected"

# A state, how a list calls it, and which posts are in it at a time: each post is in one.
STATES: dict[str, tuple[str, Callable[[Any, datetime], Any]]] = {
    Status.DRAFT: (Status.DRAFT.label, lambda posts, now: posts.filter(status=Status.DRAFT)),
    Status.SCHEDULED: (Status.SCHEDULED.label, lambda posts, now: posts.announced().exclude(published_at__lte=now)),
    Status.PUBLISHED: (Status.PUBLISHED.label, lambda posts, now: posts.public(now)),
    Status.WITHDRAWN: (Status.WITHDRAWN.label, lambda posts, now: posts.filter(status=Status.WITHDRAWN)),
    PROTECTED: ("Protected", lambda posts, now: posts.filter(status__in=ANNOUNCED).exclude(password="")),
}


def state_of(post: Post) -> str:
    if post.status not in ANNOUNCED:
        return post.status
    if post.password:
        return PROTECTED
    return Status.PUBLISHED if post.is_public else Status.SCHEDULED


def label_of(state: str) -> str:
    return str(STATES[state][0])


class StateFilter(admin.SimpleListFilter):
    """By what the list shows; its parameter is the one that links have named since there was a status."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(state), label_of(state)) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Post]) -> QuerySet[Post]:
        chosen = STATES.get(self.value() or "")
        return chosen[1](queryset, timezone.now()) if chosen else queryset
