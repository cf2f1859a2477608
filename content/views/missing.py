"""One page for all unknown URLs, so that made-up URLs store nothing."""

from collections.abc import MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content.cache_headers import EDGE_POLICY, resolve_path, same_for_all
from content.caching.edge.profile import Moved
from content.resources.addresses import Address, exists
from content.views.errors import LONGEST_PATH, append_slash, not_found_page
from content.views.posts import PAGE_SLUG, page_or_redirect

# The URL of the page. No page or post can have it.
PATH = "/-/missing/"
_TERMS = frozenset({"category", "tag", "author"})


@same_for_all()
@require_safe
async def missing(request: HttpRequest) -> HttpResponse:
    response = await not_found_page(request)
    # It lives as long as any page: `stand_in` finds out each time whether there is a row by now.
    response["Evergreen-Cache-Control"] = EDGE_POLICY
    return response


async def stand_in(scope: MutableMapping[str, Any]) -> str | None:
    """The path to offer for one without a row in the database: that of the page above, or with its last slash.

    None if a view must decide. Raises Overloaded if too many lookups run.
    """
    path = scope["path"]
    if settings.SECURE_SSL_REDIRECT and scope.get("scheme") != "https":
        return None
    if resolve_path(path) is None:
        # A path with a line end, for example, matches no pattern.
        return PATH
    address = parse_path(path)
    if address is None:
        return None
    if len(path) > LONGEST_PATH or "\x00" in path:
        return PATH
    if await exists(address) is not False:
        return None
    return PATH if path.endswith("/") or address.slug else Moved(append_slash(path))


def parse_path(path: str) -> Address | None:
    """The row that a path names; None for a path that needs none, such as `/archive/`.

    A path that only the last pattern matches may be a page's, or redirected.
    """
    match = resolve_path(path)
    if match is None:
        return None
    if match.url_name == "post" or match.url_name in _TERMS:
        return Address(path, match.url_name, match.kwargs["slug"])
    if "kind" in match.kwargs and "slug" in match.kwargs:
        return Address(path, match.kwargs["kind"], match.kwargs["slug"])
    if match.func is not page_or_redirect:
        return None
    slug = path[1:-1]
    return Address(path, "page", slug) if path.endswith("/") and PAGE_SLUG.fullmatch(slug) else Address(path)
