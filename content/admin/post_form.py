"""The form of a post: its widgets, the checks of slug, status and time, and previews.

Previews show the body while the user types, and the page before it is public. They are never cached.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import get_resolver, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from content import resources
from content.caching import NotThere
from content.models import MediaFile, Post
from content.rendering import plain_text, reading_minutes, render_markdown, slugify
from content.views.page_chrome import render_page

Status = Post.Status
PICKER = ["content/admin/picker.js"]
# First segments that are no URL patterns of Django, or that crawlers look for.
MORE_SEGMENTS = frozenset(
    {"api", "archive", "feed", "media", "ops", "popular", "robots", "search", "sitemap", "static", "trending"}
)
FIRST_SEGMENT = re.compile(r"[-\w]+")


class BodyEditor(forms.Textarea):
    """A text area for Markdown, with a preview that the server renders while the user types."""

    template_name = "admin/content/post/body.html"

    class Media:
        js = [*PICKER, "content/admin/editor.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["render_url"] = reverse("admin:content_post_render")
        return context | picker_urls()


class CoverPicker(forms.Widget):
    """An image chosen in a dialog; the form sends its primary key."""

    template_name = "admin/content/post/cover.html"

    class Media:
        js = [*PICKER, "content/admin/cover.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["chosen"] = MediaFile.objects.filter(pk=value).first() if str(value or "").isdigit() else None
        return context | picker_urls()


def picker_urls() -> dict[str, str]:
    return {
        "picker_url": reverse("admin:content_mediafile_picker"),
        "upload_url": reverse("admin:content_mediafile_upload"),
    }


def is_reserved(slug: str) -> bool:
    """Whether the site itself has paths that begin with that segment."""
    return slug.lower() in find_reserved_segments()


@cache
def find_reserved_segments() -> frozenset[str]:
    prefixes = (settings.STATIC_URL, settings.MEDIA_URL)
    return MORE_SEGMENTS | {each for text in (*routes(get_resolver()), *prefixes) if (each := first_segment(text))}


def first_segment(route: str) -> str:
    """`posts` for `posts/<word:slug>/`; empty for a pattern that begins with a parameter."""
    found = FIRST_SEGMENT.match(route.removeprefix("/"))
    return found[0].lower() if found else ""


def routes(resolver: Any, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns") and not first_segment(route):
            yield from routes(pattern, route)
        else:
            yield route


class PostForm(forms.ModelForm):
    body = forms.CharField(required=False, widget=BodyEditor, strip=False)
    cover = forms.ModelChoiceField(MediaFile.objects.all(), required=False, widget=CoverPicker)

    class Meta:
        model = Post
        fields = [
            "title", "slug", "body", "status", "published_at", "password", "comments_open", "excerpt", "category",
            "tags", "cover", "cover_alt", "kind", "language",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "The last part of the address. Empty: made from the title."
        if "published_at" in self.fields:
            now, zone = date_format(timezone.localtime(), "H:i"), timezone.get_current_timezone_name()
            for part, name in zip(self.fields["published_at"].widget.widgets, ("Date", "Time"), strict=True):
                part.attrs["aria-label"] = f"{name} of publication"
            self.fields["published_at"].help_text = f"In {zone}, where it is {now}. Empty: the time of saving."

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or slugify(self.cleaned_data.get("title", ""))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.keep_time()
        self.check_path()
        self.check_time()
        return cleaned

    def keep_time(self) -> None:
        """Keep an unchanged time to the microsecond. The form shows whole seconds: without this, each edit of a text
        would move the post in its lists, and invalidate them."""
        if "published_at" in self.cleaned_data and "published_at" not in self.changed_data:
            self.cleaned_data["published_at"] = self.instance.published_at

    def check_path(self) -> None:
        slug, kind = self.cleaned_data.get("slug"), self.cleaned_data.get("kind")
        if slug and kind == Post.Kind.PAGE and is_reserved(slug):
            self.add_error("slug", f"A page cannot have the path /{slug}/: the site uses it. Choose another slug.")

    def check_time(self) -> None:
        """A scheduled post needs a future time; a published post must not have one."""
        status, time = self.cleaned_data.get("status"), self.cleaned_data.get("published_at")
        if "published_at" in self.errors:
            return
        if status == Status.PUBLISHED and time is None:
            self.cleaned_data["published_at"] = timezone.now()
        is_future = time is not None and time > timezone.now()
        if status == Status.PUBLISHED and is_future:
            self.add_error(
                "published_at",
                "This time is in the future. Choose “Scheduled” to publish it then, or clear it to publish now.",
            )
        if status == Status.SCHEDULED and time is None:
            self.add_error("published_at", "A scheduled post needs a future time.")
        elif status == Status.SCHEDULED and not is_future:
            self.check_past_schedule()

    def check_past_schedule(self) -> None:
        """If the time passed before this edit, the post is published. A past time that was just typed is an error."""
        if {"status", "published_at"} & set(self.changed_data):
            self.add_error("published_at", "This time has passed. Choose “Published”, or a future time.")
        else:
            self.cleaned_data["status"] = Status.PUBLISHED

    def warnings(self) -> Iterator[str]:
        """Warnings after a save."""
        post = self.instance
        if post.cover and not (post.cover_alt or post.cover.alt_text):
            yield "The cover has no description. Add one for people who cannot see it."
        if post.password and post.status != Status.DRAFT:
            yield "The post has a password, so readers cannot see it."


# Characters. Longer bodies take too long to render while the user types.
LARGEST_PREVIEW = 300_000


@never_cache
@require_POST
def render_body(request: HttpRequest) -> JsonResponse:
    """{"html", "words", "minutes"} for the Markdown in `body`; 413 for a longer body."""
    if not (request.user.has_perm("content.change_post") or request.user.has_perm("content.add_post")):
        raise PermissionDenied
    body = request.POST.get("body", "")
    if len(body) > LARGEST_PREVIEW:
        error = f"Too long to preview while you type (over {LARGEST_PREVIEW:,} characters). Save it, then preview it."
        return JsonResponse({"error": error}, status=413)
    html = render_markdown(body)
    words = len(plain_text(html).split())
    return JsonResponse({"html": html, "words": words, "minutes": reading_minutes(len(body.split()))})


@never_cache
@require_safe
def preview_draft(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of a post of any status, for users who may see the post in the admin."""
    if not request.user.has_perm("content.view_post") and not request.user.has_perm("content.change_post"):
        raise PermissionDenied
    try:
        response = async_to_sync(render_draft)(request, pk)
    except NotThere as error:
        raise Http404(str(error)) from error
    for name in ("ETag", "Last-Modified", "Evergreen-Cache-Control"):
        response.headers.pop(name, None)
    del response["Cache-Control"]
    return response


async def render_draft(request: HttpRequest, pk: int) -> HttpResponse:
    post, site = await resources.draft(pk), await resources.site.get()
    return await render_page(request, "admin/content/post/preview.html", site=site, post=post, canonical="")
