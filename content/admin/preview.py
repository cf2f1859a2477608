"""Previews of posts: of the body while the user types, and of the page before it is public. Never cached."""

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from content import resources
from content.caching import NotThere
from content.rendering import plain_text, reading_minutes, render_markdown
from content.views.page_chrome import render_page

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
