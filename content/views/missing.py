"""One page for all addresses that lead nowhere, so that made-up addresses store nothing."""

from collections.abc import MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content.caching.edge.profile import Moved
from content.resources.addresses import Address, exists
from content.sharing import match_of, same_for_all
from content.views.errors import not_found_page
from content.views.fallback import LONGEST_PATH, path_with_slash
from content.views.pages import SLUG, page_or_moved

# Where the page is. No page or post can have this address.
PATH = "/-/missing/"
# It is every stranger's page, so nobody waits for it.
AT_THE_EDGE = "max-age=10, stale-while-revalidate=60, stale-if-error=86400"
_TERMS = frozenset({"category", "tag", "author"})


@same_for_all()
@require_safe
async def missing(request: HttpRequest) -> HttpResponse:
    response = await not_found_page(request)
    response["Evergreen-Cache-Control"] = AT_THE_EDGE
    return response


async def stand_in(scope: MutableMapping[str, Any]) -> str | None:
    """For a path of which the database knows nothing: the path of the page above, or with its last slash.

    None if a view must tell. Raises Overloaded if too many others are looked up.
    """
    path = scope["path"]
    if settings.SECURE_SSL_REDIRECT and scope.get("scheme") != "https":
        return None
    if match_of(path) is None:
        # It holds a line end, say: no pattern matches that.
        return PATH
    address = address_of(path)
    if address is None:
        return None
    if len(path) > LONGEST_PATH or "\x00" in path:
        return PATH
    if await exists(address) is not False:
        return None
    return PATH if path.endswith("/") or address.slug else Moved(path_with_slash(path))


def address_of(path: str) -> Address | None:
    """The row that a path names; None for a path that needs none, such as `/archive/`.

    A path that no pattern but the last one matches may be a page's, or redirected.
    """
    match = match_of(path)
    if match is None:
        return None
    if match.url_name == "post" or match.url_name in _TERMS:
        return Address(path, match.url_name, match.kwargs["slug"])
    if "kind" in match.kwargs and "slug" in match.kwargs:
        return Address(path, match.kwargs["kind"], match.kwargs["slug"])
    if match.func is not page_or_moved:
        return None
    slug = path[1:-1]
    return Address(path, "page", slug) if path.endswith("/") and SLUG.fullmatch(slug) else Address(path)
