"""A request as cache and application get it: nothing in it that the key does not know."""

from urllib.parse import unquote_plus

from content.caching.edge.profile import Profile
from content.caching.edge.request import Request


def prepared(request: Request, profile: Profile) -> Request:
    query: bytes = request.scope.get("query_string", b"")
    if not query or not request.is_read:
        return request
    wanted = query_of(query, profile)
    return request if wanted == query else request.altered(query_string=wanted)


# Of more parameters nobody makes sense. To put tens of thousands in order would take a tenth of a second, twice.
MOST_PARAMETERS = 200


def query_of(query: bytes, profile: Profile) -> bytes:
    """Without ignored parameters; by name, where the profile sorts. Values of one name keep their order.

    Of more than MOST_PARAMETERS it stays as it came, for key and application."""
    if query.count(b"&") >= MOST_PARAMETERS:
        return query
    parts = query.split(b"&")
    if profile.ignored_parameters is not None:
        parts = [part for part in parts if not profile.ignored_parameters.fullmatch(name_of(part))]
    if profile.sorts_parameters:
        parts.sort(key=name_of)
    return b"&".join(parts)


def name_of(part: bytes) -> str:
    """As the application decodes it."""
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"), errors="replace")
