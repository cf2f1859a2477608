"""Search: the form and its results."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.caching import NotThere
from content.rendering import LONGEST_QUERY, normalise_query
from content.shared_pages import same_for_all
from content.views.errors import not_found_page
from content.views.listings import page_number
from content.views.page_chrome import render_page

# Results are one reader's, and there are too many possible words to store a page of each.
PRIVATE = "private, no-cache"


@same_for_all("q", "page")
@require_safe
async def search(request: HttpRequest) -> HttpResponse:
    """The form alone is stored like any page. Only the reader's browser stores results."""
    query = request.GET.get("q", "")[:LONGEST_QUERY].replace("\x00", "").strip()
    number = page_number(request)
    words = normalise_query(query)
    if number is None or (number > 1 and not words):
        return await not_found_page(request)
    site = await resources.site.get()
    try:
        found = await resources.search.get(words, number, site.posts_per_page) if words else None
    except NotThere:
        return await not_found_page(request)
    path = f"{request.path}?{urlencode({'q': query})}"
    response = await render_page(request, "content/search.html", site=site, asked=query, found=found, path=path)
    response["X-Robots-Tag"] = "noindex"
    if "q" in request.GET:
        response["Cache-Control"] = PRIVATE
        del response["Evergreen-Cache-Control"]
    return response
