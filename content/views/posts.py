import asyncio

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.caching import NotThere
from content.documents import PostDocument
from content.popularity import count_view
from content.sharing import same_for_all
from content.views.fallback import moved_gone_or_not_found
from content.views.page import page


@same_for_all()
@require_safe
async def post(request: HttpRequest, slug: str) -> HttpResponse:
    return await post_page(request, "post", slug)


async def post_page(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    try:
        document = await resources.post.get(kind, slug)
    except NotThere:
        return await moved_gone_or_not_found(request, kind, slug)
    if is_read_by_a_person(request):
        count_view(document.id)
    site, thread, beside = await asyncio.gather(
        resources.site.get(), resources.comments.get(document.id), posts_beside(document)
    )
    is_open = kind == "post" and document.comments_open and site.comments_open
    response = await page(
        request, "content/post.html", site=site, beside=beside, post=document, thread=thread, is_open=is_open
    )
    response["Evergreen-Label"] = f"post:{document.id}"
    return response


async def posts_beside(document: PostDocument) -> dict[str, tuple[int, ...]]:
    """Ids of the posts that a post leads on to; a page stands by itself."""
    if document.kind != "post":
        return {}
    try:
        related, neighbours = await asyncio.gather(
            resources.related.get(document.id), resources.neighbours.get(document.id)
        )
    except NotThere:  # withdrawn since its document was read: the next reader is told
        return {}
    return {
        "related": related.ids,
        "previous_post": (neighbours.previous,) if neighbours.previous else (),
        "next_post": (neighbours.next,) if neighbours.next else (),
    }


def is_read_by_a_person(request: HttpRequest) -> bool:
    """Not a HEAD, nor a browser that fetches ahead of its reader; nor the edge, which counts its own."""
    if getattr(request, "scope", {}).get("evergreen.edge"):
        return False
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return request.method == "GET" and "prefetch" not in purpose
