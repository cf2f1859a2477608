from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from content.admin.post_form import PostForm, preview_draft, render_body
from content.admin.purges import PurgeActionMixin, purge_selected
from content.admin.versioned import VersionedAdmin
from content.admin.warm_runs import WarmActionMixin, warm_selected
from content.models import Authorship, Post
from content.ops.live.editing import announce_save
from content.services import publishing
from content.services.publishing import get_byline
from content.services.write_through import write_through

Status = Post.Status
ANNOUNCED = (Status.PUBLISHED, Status.SCHEDULED)
PROTECTED = "protected"

# The states of posts for readers: the label of each, and its filter at a time. Each post is in one state.
# The status alone does not tell: a scheduled post becomes public at its time.
STATES: dict[str, tuple[str, Callable[[Any, datetime], Any]]] = {
    Status.DRAFT: (Status.DRAFT.label, lambda posts, now: posts.filter(status=Status.DRAFT)),
    Status.SCHEDULED: (Status.SCHEDULED.label, lambda posts, now: posts.announced().exclude(published_at__lte=now)),
    Status.PUBLISHED: (Status.PUBLISHED.label, lambda posts, now: posts.public(now)),
    Status.WITHDRAWN: (Status.WITHDRAWN.label, lambda posts, now: posts.filter(status=Status.WITHDRAWN)),
    PROTECTED: ("Protected", lambda posts, now: posts.filter(status__in=ANNOUNCED).exclude(password="")),
}
# Changes of these fields change updated_at.
TEXT_FIELDS = {"title", "excerpt", "body", "cover", "cover_alt"}
Write = Callable[[Collection[int]], int]
# Titles on the page of confirmation; the other posts are counted.
TITLES_SHOWN = 20


def state_of(post: Post) -> str:
    if post.status not in ANNOUNCED:
        return post.status
    if post.password:
        return PROTECTED
    return Status.PUBLISHED if post.is_public else Status.SCHEDULED


def label_of(state: str) -> str:
    return str(STATES[state][0])


class StateFilter(admin.SimpleListFilter):
    """Filters the list by state. The parameter is the one of Django's filter by status, which links use."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(state), label_of(state)) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Post]) -> QuerySet[Post]:
        chosen = STATES.get(self.value() or "")
        return chosen[1](queryset, timezone.now()) if chosen else queryset


class AuthorshipInline(admin.TabularInline):
    model = Authorship
    autocomplete_fields = ["author"]
    extra = 0
    verbose_name = "author"


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
    return TemplateResponse(request, "admin/content/confirm.html", context)


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


@admin.register(Post)
class PostAdmin(WarmActionMixin, PurgeActionMixin, VersionedAdmin):
    form = PostForm
    list_display = ["title", "state", "category", "byline", "publication_time"]
    # No filter by author, since there can be hundreds; the search finds posts by an author's name.
    list_filter = [StateFilter, "kind", ("category", admin.RelatedOnlyFieldListFilter), "language", "comments_open"]
    list_per_page = 50
    list_select_related = ["category"]
    search_fields = ["title", "slug", "excerpt", "authors__name"]
    date_hierarchy = "published_at"
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["category", "tags"]
    inlines = [AuthorshipInline]
    actions = [publish, withdraw, back_to_draft, warm_selected, purge_selected]
    fieldsets = [
        (None, {"fields": ["title", "slug", "body"]}),
        ("Publication", {"fields": [("status", "published_at"), "password", "comments_open"]}),
        ("About it", {"fields": ["excerpt", "category", "tags", "cover", "cover_alt", "kind", "language"]}),
    ]

    class Media:
        css = {"all": ["content/admin/admin.css"]}
        js = ["content/admin/presence.js"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("render/", view(render_body), name="content_post_render"),
            path("<int:pk>/preview/", view(preview_draft), name="content_post_preview"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        """The list shows no bodies, so it does not read them."""
        posts = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "content_post_changelist":
            authorships = Prefetch("authorships", Authorship.objects.select_related("author"))
            posts = posts.defer("body", "html").prefetch_related(authorships)
        return posts

    def get_form(self, request: HttpRequest, obj: Post | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Users who may not publish get the status draft only."""
        form = super().get_form(request, obj, change, **kwargs)
        if "status" in form.base_fields and not may_publish(request):
            status: Any = form.base_fields["status"]
            status.choices = [(Post.Status.DRAFT, Post.Status.DRAFT.label)]
        return form

    def has_change_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """Only users who may publish change posts that are not drafts."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.status == Post.Status.DRAFT or may_publish(request))

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.status == Post.Status.DRAFT or may_publish(request))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Django calls this for the actions with permission "publish"."""
        return may_publish(request)

    def save_model(self, request: HttpRequest, obj: Post, form: Any, change: bool) -> None:
        if change and TEXT_FIELDS & set(form.changed_data):
            obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)
        for warning in form.warnings():
            self.message_user(request, warning, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change:
            self.add_byline(request, form.instance)
        if form.instance.is_public:
            write_through(form.instance.get_absolute_url(), f"{request.scheme}://{request.get_host()}")

    def log_change(self, request: HttpRequest, obj: Post, message: Any) -> Any:
        announce_after_commit(obj.pk)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for post in queryset:
            announce_after_commit(post.pk)
        return super().log_deletions(request, queryset)

    def add_byline(self, request: HttpRequest, post: Post) -> None:
        """Make the user the author of a new post without authors."""
        if post.kind == Post.Kind.POST and not post.authorships.exists():
            author = get_byline(request.user)
            Authorship.objects.create(post=post, author=author)
            self.message_user(request, f"The byline of the post is “{author}”.", messages.INFO)

    def view_on_site(self, post: Post) -> str:
        """The public page; the preview if the post is not public."""
        return post.get_absolute_url() if post.is_public else reverse("admin:content_post_preview", args=[post.pk])

    @admin.display(description="status", ordering="status")
    def state(self, post: Post) -> str:
        page = mark_safe(" <small>page</small>") if post.kind == Post.Kind.PAGE else ""
        state = state_of(post)
        return format_html('<span class="state state-{}">{}</span>{}', state, label_of(state), page)

    @admin.display(description="published at", ordering="published_at")
    def publication_time(self, post: Post) -> str:
        """A short form, so that rows fit the page."""
        return date_format(timezone.localtime(post.published_at), "j\xa0M\xa0Y, H:i") if post.published_at else ""

    @admin.display(description="by")
    def byline(self, post: Post) -> str:
        return ", ".join(by.author.name for by in post.authorships.all())


def announce_after_commit(post: int) -> None:
    """Other editors who have the post open then see that it was saved."""
    transaction.on_commit(partial(announce_save, post))


def may_publish(request: HttpRequest) -> bool:
    return request.user.has_perm("content.publish_post")
