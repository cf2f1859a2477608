"""The edge of this site: it stores only explicitly cacheable responses, and hides what is not in the key."""

import re
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from content.cache_headers import shared_parameters
from content.caching.edge import EdgeCache, Page, Profile
from content.caching.edge.asgi import Application
from content.caching.edge.cdn_headers import CdnHeaders
from content.caching.edge.profile import plain_refusal
from content.caching.edge.request_span import RequestTracer
from content.cdn.cdn import headers_of
from content.popularity import count_view
from content.views.errors import plain_error, unknown_host
from content.views.missing import stand_in
from project.logs import log_unknown_host
from project.origins import with_origins

# Header fields that views see if the response may be stored: those in the key. A view that negotiates by another
# field names it in Vary, and here.
VISIBLE = frozenset({b"host"})
# Paths that bypass the edge: personal ones (the comment form has a token and a cookie), and those of operators.
PASSES = re.compile(r"/(?:admin/|ops/|api/v1/ops(?:/|\Z)|metrics|healthz|readyz|statusz|posts/[^/]+/comment/\Z)")


def with_edge(application: Application) -> Application:
    """Put the edge around an application. With DEBUG there is none by default: a changed template shows at once."""
    if not settings.EDGE:
        return RequestTracer(application)
    return EdgeCache(with_origins(application), cache="default", profile=site_profile(), served=count)


def site_profile() -> Profile:
    return Profile(
        explicit_only=True,
        stores_cookies=False,
        personal_cookies=frozenset({settings.SESSION_COOKIE_NAME}),
        reload_after=1.0,
        hosts=is_ours,
        canonical_host=canonical_host,
        shared_parameters=shared_parameters,
        stand_in=stand_in,
        refusal=refusal,
        passes=PASSES,
        ignored_parameters=re.compile("|".join(settings.EDGE_IGNORED_PARAMETERS) or r"(?!)"),
        sorts_parameters=True,
        visible_fields=VISIBLE,
        makes_whole=True,
        invalidates=False,
        codings=("br", "zstd", "gzip"),
        cdn=cdn_headers(),
    )


def cdn_headers() -> CdnHeaders | None:
    """The fields that a CDN in front gets with each page; None without one."""
    if settings.CDN_URL:
        return headers_of(settings.CDN_URL)
    return CdnHeaders(purges=False) if settings.CDN_TAGS else None


def is_ours(host: str) -> bool:
    name, _ = split_domain_port(host)
    if name and validate_host(name, settings.ALLOWED_HOSTS):
        return True
    log_unknown_host(host)
    return False


def canonical_host(host: str, port: int | None) -> str:
    """Drops the port, unless readers reach this site by it: a client cannot create pages with invented ports.

    With EVERGREEN_BASE_URL no page depends on the host, so all hosts of the site share the pages of that one. Other
    hosts than ours are refused before.
    """
    name, given = split_domain_port(host)
    if settings.BASE_URL:
        base = host_of(settings.BASE_URL)
        return base if validate_host(base, settings.ALLOWED_HOSTS) else name
    known = {str(port), *ports_of((*settings.WARM_ORIGINS, *settings.CSRF_TRUSTED_ORIGINS))}
    return f"{name}:{given}" if given in known else name


@cache
def host_of(origin: str) -> str:
    """The host of an origin as in a Host field without a port: in lower case, an IPv6 address in brackets."""
    return split_domain_port(urlsplit(origin).netloc.lower())[0]


@cache
def ports_of(origins: tuple[str, ...]) -> frozenset[str]:
    return frozenset(str(port) for origin in origins if (port := urlsplit(origin).port) is not None)


def refusal(status: int, reason: str) -> tuple[bytes, bytes]:
    """A page of the site for an unknown host or an overload; one line for other refusals."""
    return error_page(status) if status in (400, 503) else plain_refusal(status, reason)


@cache
def error_page(status: int) -> tuple[bytes, bytes]:
    response = unknown_host(HttpRequest()) if status == 400 else plain_error(HttpRequest(), status)
    return response["Content-Type"].encode(), response.content


def count(page: Page) -> None:
    """Count a view of a post."""
    kind, _, number = page.label.partition(":")
    if kind == "post" and number.isdigit() and page.status == 200:
        count_view(int(number))
