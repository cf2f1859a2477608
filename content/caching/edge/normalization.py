"""Give equivalent requests for a page one form, so that they share its entry."""

from collections.abc import Container
from typing import Any
from urllib.parse import unquote, unquote_plus

from .profile import ANY_PARAMETER, Profile
from .request import PERSONAL, Request
from .rules.fields import Field, Fields

# Most parameters that are normalized. Sorting tens of thousands would take a tenth of a second, twice.
MOST_PARAMETERS = 200


def normalize(request: Request, profile: Profile) -> Request:
    """The request with the canonical Host and the normalized query.

    If its page is the same for all clients, Cookie and Authorization are removed as well: the application cannot
    depend on them, so the response may be shared (I8).
    """
    if not request.is_read:
        return request
    parameters = profile.parameters_of(request.scope["path"])
    changes: dict[str, Any] = {}
    query: bytes = request.scope.get("query_string", b"")
    if query and (normalized := normalize_query(query, profile, parameters)) != query:
        changes["query_string"] = normalized
    fields: Fields = request.fields
    if parameters is not None and any(name in fields for name in PERSONAL):
        fields = fields.without(PERSONAL)
    if (host := canonical_host_of(request, profile)) != request.host:
        fields = Fields.of(tuple(_with_host(pair, host) for pair in fields.pairs))
    if fields is not request.fields:
        changes["headers"] = list(fields.pairs)
    return request.replace(**changes) if changes else request


def normalize_url(url: str, profile: Profile, port: int | None) -> str:
    """Normalize a whole URL as `normalize` does for readers, so that the keys are equal."""
    address, mark, query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    if profile.canonical_host is not None and host:
        host = profile.canonical_host(host.lower(), port)
    parameters = profile.parameters_of(unquote("/" + path))
    normalized = normalize_query(query.encode("latin-1", "replace"), profile, parameters).decode("latin-1")
    return scheme + separator + host + slash + path + (mark + normalized if normalized else "")


def canonical_host_of(request: Request, profile: Profile) -> str:
    if profile.canonical_host is None or not request.host:
        return request.host
    return profile.canonical_host(request.host, port_of(request.scope))


def port_of(scope: Any) -> int | None:
    """The server's port. None if it is unknown, or a Unix socket."""
    server = scope.get("server")
    return server[1] if server else None


def _with_host(pair: Field, host: str) -> Field:
    return (pair[0], host.encode("latin-1")) if pair[0] == b"host" else pair


def normalize_query(query: bytes, profile: Profile, parameters: Container[str] | None = None) -> bytes:
    """Remove ignored parameters, and sort by name if the profile says so. Values of one name keep their order.

    `parameters`: those that the page reads. Others are removed, and of a repeated one the last value is kept. Beyond
    MOST_PARAMETERS, all others are removed. None: the page may read any. Then a query of more than MOST_PARAMETERS
    is left unchanged.
    """
    is_known = parameters is not None and parameters is not ANY_PARAMETER
    if not is_known and query.count(b"&") >= MOST_PARAMETERS:
        return query
    parts = query.split(b"&", MOST_PARAMETERS)[:MOST_PARAMETERS]
    if profile.ignored_parameters is not None:
        parts = [part for part in parts if not profile.ignored_parameters.fullmatch(_parameter_name(part))]
    if is_known and parameters is not None:
        last = {name: part for part in parts if (name := _parameter_name(part)) in parameters}
        parts = list(last.values())
    if profile.sorts_parameters:
        parts.sort(key=_parameter_name)
    return b"&".join(parts)


def _parameter_name(part: bytes) -> str:
    """The decoded name of a parameter."""
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"), errors="replace")
