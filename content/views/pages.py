import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content.sharing import same_for_all
from content.views.fallback import moved_or_not_found
from content.views.posts import post_page

SLUG = re.compile(r"[-\w]{1,200}")


@same_for_all()
@require_safe
async def page_or_moved(request: HttpRequest, path: str) -> HttpResponse:
    """The last of the URL patterns: `/about/` is a page; anything else has moved or was never there."""
    slug = path.removesuffix("/")
    if path.endswith("/") and SLUG.fullmatch(slug):
        return await post_page(request, "page", slug)
    return await moved_or_not_found(request)
