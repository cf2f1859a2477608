"""Actions on the selected posts: publish, withdraw, back to draft. Each asks for confirmation first."""

from collections.abc import Callable, Collection

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from content.models import Post
from content.services import publishing

Write = Callable[[Collection[int]], int]
# Titles on the page of confirmation; the other posts are counted.
TITLES_SHOWN = 20


def confirm_or_write(
    modeladmin: admin.ModelAdmin, request: HttpRequest, posts: QuerySet[Post], *, action: str, verb: str, write: Write
) -> HttpResponse | None:
    """Show the number of posts and ask; write after the confirmation."""
    pks = list(posts.order_by().values_list("pk", flat=True))
    if request.POST.get("confirmed"):
        count = write(pks)
        same = f" {len(pks) - count} needed no change." if len(pks) > count else ""
        modeladmin.message_user(request, f"{verb}: {count_label(count)}.{same}", messages.SUCCESS)
        return None
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": f"{verb} {count_label(len(pks))}?",
        "opts": modeladmin.opts,
        "media": modeladmin.media,
        "action": action,
        "verb": verb,
        "pks": pks,
        "titles": posts.values_list("title", flat=True)[:TITLES_SHOWN],
        "more": max(0, len(pks) - TITLES_SHOWN),
    }
    return TemplateResponse(request, "admin/content/post/confirm.html", context)


def count_label(count: int) -> str:
    return "1 post" if count == 1 else f"{count} posts"


@admin.action(permissions=["publish"], description="Publish the selected posts")
def publish(modeladmin: admin.ModelAdmin, request: HttpRequest, posts: QuerySet[Post]) -> HttpResponse | None:
    return confirm_or_write(modeladmin, request, posts, action="publish", verb="Publish", write=publishing.publish)


@admin.action(permissions=["publish"], description="Withdraw the selected posts")
def withdraw(modeladmin: admin.ModelAdmin, request: HttpRequest, posts: QuerySet[Post]) -> HttpResponse | None:
    return confirm_or_write(modeladmin, request, posts, action="withdraw", verb="Withdraw", write=publishing.withdraw)


@admin.action(permissions=["publish"], description="Make the selected posts drafts again")
def back_to_draft(modeladmin: admin.ModelAdmin, request: HttpRequest, posts: QuerySet[Post]) -> HttpResponse | None:
    return confirm_or_write(
        modeladmin, request, posts, action="back_to_draft", verb="Back to draft", write=publishing.back_to_draft
    )
