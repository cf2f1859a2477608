"""Posts and pages."""

import asyncio
import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.cache_headers import same_for_all
from content.caching import NotThere
from content.caching.dependencies import shown_in_passing
from content.documents import PostDocument
from content.popularity import count_view
from content.views.errors import redirect_or_404, redirect_or_410
from content.views.page_chrome import render_page

PAGE_SLUG = re.compile(r"[-\w]{1,200}")


@same_for_all()
@require_safe
async def post(request: HttpRequest, slug: str) -> HttpResponse:
    return await post_page(request, "post", slug)


@same_for_all()
@require_safe
async def page_or_redirect(request: HttpRequest, path: str) -> HttpResponse:
    """The last URL pattern: `/about/` is a page; any other path is redirected or unknown."""
    slug = path.removesuffix("/")
    if path.endswith("/") and PAGE_SLUG.fullmatch(slug):
        return await post_page(request, "page", slug)
    return await redirect_or_404(request)


async def post_page(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    try:
        document = await resources.post.get(kind, slug)
    except NotThere:
        return await redirect_or_410(request, kind, slug)
    if is_read_by_a_person(request):
        count_view(document.id)
    site, thread, beside = await asyncio.gather(
        resources.site.get(), resources.comments.get(document.id), posts_beside(document)
    )
    is_open = kind == "post" and document.comments_open and site.comments_open
    response = await render_page(
        request, "content/post.html", site=site, beside=beside, post=document, thread=thread, is_open=is_open
    )
    response["Evergreen-Label"] = f"post:{document.id}"
    return response


async def posts_beside(document: PostDocument) -> dict[str, tuple[int, ...]]:
    """Ids of the posts that a post links to. A page has none."""
    if document.kind != "post":
        return {}
    try:
        with shown_in_passing():
            related, neighbours = await asyncio.gather(
                resources.related.get(document.id), resources.neighbours.get(document.id)
            )
    except NotThere:
        # The post was withdrawn after its document was read.
        return {}
    return {
        "related": related.ids,
        "previous_post": (neighbours.previous,) if neighbours.previous else (),
        "next_post": (neighbours.next,) if neighbours.next else (),
    }


def is_read_by_a_person(request: HttpRequest) -> bool:
    """False for HEAD, for a browser's prefetch, and for the edge, which counts its own readers."""
    if getattr(request, "scope", {}).get("evergreen.edge"):
        return False
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return request.method == "GET" and "prefetch" not in purpose
