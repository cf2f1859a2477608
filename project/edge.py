"""The edge as this site has it: stores only what says so, and lets nothing through that its key does not know."""

import re
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from content.caching.edge import EdgeCache, Page, Profile
from content.caching.edge.cdn_headers import CdnHeaders
from content.caching.edge.profile import plain_refusal
from content.cdn.headers import headers_of
from content.popularity import count_view
from content.views.errors import unknown_host
from project.asgi_types import Application
from project.log_filters import log_unknown_host

# What the application sees of a request whose answer may be stored: what is in the key, and nothing else. A view that
# negotiates names its field in Vary, and here.
VISIBLE = frozenset({b"host"})
# None of the edge's business: somebody's own (the form of comments has a token, and a cookie that belongs to it), or
# what only operators ask.
PASSES = re.compile(r"/(?:admin/|ops/|metrics|healthz|readyz|posts/[^/]+/comment/\Z)")


def with_edge(application: Application) -> Application:
    """With DEBUG every page is made anew, as whoever changes a template expects."""
    if not settings.EDGE:
        return application
    return EdgeCache(application, cache="default", profile=site_profile(), served=count)


def site_profile() -> Profile:
    return Profile(
        explicit_only=True,
        stores_cookies=False,
        personal_cookies=frozenset({settings.SESSION_COOKIE_NAME}),
        reload_after=1.0,
        hosts=is_ours,
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
    """How a CDN in front is told of each page."""
    if settings.CDN_URL:
        return headers_of(settings.CDN_URL)
    return CdnHeaders(purges=False) if settings.CDN_TAGS else None


def is_ours(host: str) -> bool:
    name, _ = split_domain_port(host)
    if name and validate_host(name, settings.ALLOWED_HOSTS):
        return True
    log_unknown_host(host)
    return False


def refusal(status: int, reason: str) -> tuple[bytes, bytes]:
    """Explain an unknown host on a page of the site; what a client has forbidden itself needs one line."""
    return unknown_host_page() if status == 400 else plain_refusal(status, reason)


@cache
def unknown_host_page() -> tuple[bytes, bytes]:
    response = unknown_host(HttpRequest())
    return response["Content-Type"].encode(), response.content


def count(page: Page) -> None:
    """A view of a post, whoever has made its page."""
    kind, _, number = page.label.partition(":")
    if kind == "post" and number.isdigit() and page.status == 200:
        count_view(int(number))
