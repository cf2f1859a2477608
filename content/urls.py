from django.urls import include, path, re_path, register_converter

from content.ops import health, status
from content.ops.metrics import page as metrics
from content.views import comments, feeds, listings, missing, posts


class SlugConverter:
    """A slug of any script, as the database bounds it."""

    regex = r"[-\w]{1,200}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(SlugConverter, "word")

TERMS = {"categories": "category", "tags": "tag", "authors": "author"}

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("statusz", status.statusz),
    path("", listings.home, name="home"),
    path("posts/<word:slug>/", posts.post, name="post"),
    path("posts/<word:slug>/comment/", comments.comment, name="comment"),
    path("categories/<word:slug>/", listings.category, name="category"),
    path("tags/<word:slug>/", listings.tag, name="tag"),
    path("authors/<word:slug>/", listings.author, name="author"),
    path("archive/", listings.archive_index, name="archive"),
    re_path(r"^archive/(?P<year>[0-9]{4})/$", listings.archive_year, name="archive-year"),
    re_path(r"^archive/(?P<year>[0-9]{4})/(?P<month>[0-9]{1,2})/$", listings.archive_month, name="archive-month"),
    path("popular/", listings.popular, name="popular"),
    path("trending/", listings.trending, name="trending"),
    *(path(name, feeds.site_feed, {"name": name}) for name in feeds.WRITERS),
    *(
        path(f"{kinds}/<word:slug>/{name}", feeds.term_feed, {"name": name, "kind": kind})
        for kinds, kind in TERMS.items()
        for name in feeds.WRITERS
    ),
    path("sitemap.xml", feeds.sitemap, name="sitemap"),
    re_path(r"^sitemap-(?P<number>0|[1-9][0-9]{0,8})\.xml$", feeds.sitemap_part, name="sitemap-part"),
    path("robots.txt", feeds.robots),
    path("favicon.ico", feeds.favicon),
    path("search/", listings.search, name="search"),
    path(missing.PATH[1:], missing.missing, name="missing"),
    path("api/", include("content.api.urls")),
    path("ops/", include("content.ops.urls")),
    re_path(r"^(?P<path>.*)$", posts.page_or_redirect),
]
