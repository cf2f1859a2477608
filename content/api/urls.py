from django.urls import URLPattern, path, re_path

from content.api import endpoints, router
from content.api.guard import guard
from content.api.router import api

__all__ = ["endpoints", "urlpatterns"]


def endpoint_urls() -> list[URLPattern]:
    """The endpoints, without the root that django-ninja adds."""
    return [
        path(f"v1/{pattern.pattern}", guard(pattern.callback), name=f"api-{pattern.name}")
        for pattern in api.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ]


urlpatterns = [
    path("v1/openapi.json", guard(router.openapi), name="api-openapi"),
    path("v1/docs/", guard(router.docs), name="api-docs"),
    *endpoint_urls(),
    re_path(r"^(?P<path>(?s:.*))\Z", guard(router.not_found), name="api-nothing"),
]
