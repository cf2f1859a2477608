from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from content.admin import post_actions
from content.admin.post_form import PostForm
from content.admin.post_state import StateFilter, label_of, state_of
from content.admin.preview import draft_page, rendered_body
from content.admin.versioned import VersionedAdmin
from content.models import Authorship, Post
from content.services.bylines import author_of
from content.services.write_through import write_through

WORDS = {"title", "excerpt", "body", "cover", "cover_alt"}


class AuthorshipInline(admin.TabularInline):
    model = Authorship
    autocomplete_fields = ["author"]
    extra = 0
    verbose_name = "author"


@admin.register(Post)
class PostAdmin(VersionedAdmin):
    form = PostForm
    list_display = ["title", "state", "category", "written_by", "published"]
    # Authors can be hundreds: the search finds theirs by name.
    list_filter = [StateFilter, "kind", ("category", admin.RelatedOnlyFieldListFilter), "language", "comments_open"]
    list_per_page = 50
    list_select_related = ["category"]
    search_fields = ["title", "slug", "excerpt", "authors__name"]
    date_hierarchy = "published_at"
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["category", "tags"]
    inlines = [AuthorshipInline]
    actions = [post_actions.publish, post_actions.withdraw, post_actions.back_to_draft]
    fieldsets = [
        (None, {"fields": ["title", "slug", "body"]}),
        ("Publication", {"fields": [("status", "published_at"), "password", "comments_open"]}),
        ("About it", {"fields": ["excerpt", "category", "tags", "cover", "cover_alt", "kind", "language"]}),
    ]

    class Media:
        css = {"all": ["content/admin/admin.css"]}

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("render/", view(rendered_body), name="content_post_render"),
            path("<int:pk>/preview/", view(draft_page), name="content_post_preview"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        """A list shows no bodies: it does not read them."""
        posts = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "content_post_changelist":
            by = Prefetch("authorships", Authorship.objects.select_related("author"))
            posts = posts.defer("body", "html").prefetch_related(by)
        return posts

    def get_form(self, request: HttpRequest, obj: Post | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Who may not publish chooses no status, and so writes drafts."""
        form = super().get_form(request, obj, change, **kwargs)
        if "status" in form.base_fields and not may_publish(request):
            status: Any = form.base_fields["status"]
            status.choices = [(Post.Status.DRAFT, Post.Status.DRAFT.label)]
        return form

    def has_change_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """What is public, or was, is changed by those who may publish."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.status == Post.Status.DRAFT or may_publish(request))

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.status == Post.Status.DRAFT or may_publish(request))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Named by the actions."""
        return may_publish(request)

    def save_model(self, request: HttpRequest, obj: Post, form: Any, change: bool) -> None:
        if change and WORDS & set(form.changed_data):
            obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)
        for notice in form.notices():
            self.message_user(request, notice, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change:
            self.sign(request, form.instance)
        if form.instance.is_public:
            write_through(form.instance.get_absolute_url(), f"{request.scheme}://{request.get_host()}")

    def sign(self, request: HttpRequest, post: Post) -> None:
        """A new post for which nobody chose an author carries its writer's byline."""
        if post.kind == Post.Kind.POST and not post.authorships.exists():
            author = author_of(request.user)
            Authorship.objects.create(post=post, author=author)
            self.message_user(request, f"Its byline is “{author}”.", messages.INFO)

    def view_on_site(self, post: Post) -> str:
        """Readers' page of what is public; of the rest, what it will look like."""
        return post.get_absolute_url() if post.is_public else reverse("admin:content_post_preview", args=[post.pk])

    @admin.display(description="status", ordering="status")
    def state(self, post: Post) -> str:
        page = mark_safe(" <small>page</small>") if post.kind == Post.Kind.PAGE else ""
        state = state_of(post)
        return format_html('<span class="state state-{}">{}</span>{}', state, label_of(state), page)

    @admin.display(description="published at", ordering="published_at")
    def published(self, post: Post) -> str:
        """In few letters, so that a row is not wider than what it stands in."""
        return date_format(timezone.localtime(post.published_at), "j\xa0M\xa0Y, H:i") if post.published_at else ""

    @admin.display(description="by")
    def written_by(self, post: Post) -> str:
        return ", ".join(by.author.name for by in post.authorships.all())


def may_publish(request: HttpRequest) -> bool:
    return request.user.has_perm("content.publish_post")
