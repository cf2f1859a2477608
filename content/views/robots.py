from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content.addresses import absolute
from content.sharing import same_for_all
from content.views.keeping import kept

# Nothing for a search engine: what only the staff may see, and what only machines ask. Pages that say noindex, as the
# search does, are open: whoever may not read them cannot know.
CLOSED = ("/admin/", "/ops/", "/metrics", "/healthz", "/readyz")


@same_for_all()
@require_safe
async def robots(request: HttpRequest) -> HttpResponse:
    """RFC 9309, and the Sitemap line of sitemaps.org."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in CLOSED), ""]
    lines.append(f"Sitemap: {absolute(request, '/sitemap.xml')}")
    return kept(HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8"))
