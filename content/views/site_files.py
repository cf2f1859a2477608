"""Small files at the root of the site: `/robots.txt` and `/favicon.ico`."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from content.absolute_urls import absolute_url
from content.cache_headers import set_cache_headers
from content.shared_pages import same_for_all

# Search engines have no use for the staff's pages, nor for those of machines. Pages with `noindex`, such as the
# search, stay open: a crawler reads that only in the page.
DISALLOWED = ("/admin/", "/ops/", "/metrics", "/healthz", "/readyz")
# The icon's name has a hash in it, which a release may change.
FAVICON_CACHE_CONTROL = "public, max-age=3600"


@same_for_all()
@require_safe
async def robots(request: HttpRequest) -> HttpResponse:
    """RFC 9309, and the Sitemap line of sitemaps.org."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in DISALLOWED), ""]
    lines.append(f"Sitemap: {absolute_url(request, '/sitemap.xml')}")
    return set_cache_headers(HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8"))


@same_for_all()
@require_safe
async def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect clients that request the icon without having read a page."""
    return HttpResponseRedirect(static("content/favicon.svg"), headers={"Cache-Control": FAVICON_CACHE_CONTROL})
