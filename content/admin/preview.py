"""What a post will look like: its body while it is typed, its page before readers see it. Kept by nobody."""

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from content import resources
from content.caching import NotThere
from content.rendering import plain_text, reading_minutes, render_markdown
from content.views.page_chrome import render_page

# Characters: what takes longer to render than a writer waits between two words is shown on its own page.
LARGEST_PREVIEW = 300_000


@never_cache
@require_POST
def rendered_body(request: HttpRequest) -> JsonResponse:
    """{"html", "words", "minutes"} of the Markdown in `body`; 413 for more than is rendered while one types."""
    if not (request.user.has_perm("content.change_post") or request.user.has_perm("content.add_post")):
        raise PermissionDenied
    body = request.POST.get("body", "")
    if len(body) > LARGEST_PREVIEW:
        why = f"Too long to be shown while you type (over {LARGEST_PREVIEW:,} characters): save it, and preview it."
        return JsonResponse({"error": why}, status=413)
    html = render_markdown(body)
    words = len(plain_text(html).split())
    return JsonResponse({"html": html, "words": words, "minutes": reading_minutes(len(body.split()))})


@never_cache
@require_safe
def draft_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A post in the site's dress, whatever its status, for those who may see it in the admin."""
    if not request.user.has_perm("content.view_post") and not request.user.has_perm("content.change_post"):
        raise PermissionDenied
    try:
        response = async_to_sync(draft_in_dress)(request, pk)
    except NotThere as error:
        raise Http404(str(error)) from error
    for name in ("ETag", "Last-Modified", "Evergreen-Cache-Control"):
        response.headers.pop(name, None)
    del response["Cache-Control"]
    return response


async def draft_in_dress(request: HttpRequest, pk: int) -> HttpResponse:
    post, site = await resources.draft(pk), await resources.site.get()
    return await render_page(request, "admin/content/post/preview.html", site=site, post=post, canonical="")
