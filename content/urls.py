from django.urls import include, path, re_path, register_converter

from content.ops import health, metrics
from content.views import comments, listings, pages, posts, search


class SlugConverter:
    """A slug of any script, as the database bounds it."""

    regex = r"[-\w]{1,200}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(SlugConverter, "word")

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("", listings.home, name="home"),
    path("posts/<word:slug>/", posts.post, name="post"),
    path("posts/<word:slug>/comment/", comments.comment, name="comment"),
    path("categories/<word:slug>/", listings.category, name="category"),
    path("tags/<word:slug>/", listings.tag, name="tag"),
    path("authors/<word:slug>/", listings.author, name="author"),
    path("search/", search.search, name="search"),
    path("api/", include("content.api.urls")),
    re_path(r"^(?P<path>.*)$", pages.page_or_moved),
]
