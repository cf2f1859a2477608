from django.urls import URLPattern, path, re_path

from content.api import endpoints, router
from content.api.guard import View, guard
from content.api.ops import endpoints as ops_endpoints
from content.api.ops.document import ENDPOINTS
from content.api.ops.guard import guard_operators, nothing
from content.api.router import api

__all__ = ["endpoints", "ops_endpoints", "urlpatterns"]


def endpoint_urls() -> list[URLPattern]:
    """The endpoints, without the root that django-ninja adds."""
    return [
        path(f"v1/{pattern.pattern}", guard_endpoint(pattern), name=f"api-{pattern.name}")
        for pattern in api.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ]


def guard_endpoint(pattern: URLPattern) -> View:
    declared = ENDPOINTS.get(pattern.name or "")
    return guard_operators(pattern.callback, declared) if declared else guard(pattern.callback)


urlpatterns = [
    path("v1/openapi.json", guard(router.openapi), name="api-openapi"),
    path("v1/docs/", guard(router.docs), name="api-docs"),
    *endpoint_urls(),
    re_path(r"^v1/ops\Z", guard_operators(nothing, None), name="api-ops-nothing"),
    re_path(r"^v1/ops/(?P<path>(?s:.*))\Z", guard_operators(nothing, None), name="api-ops-nothing"),
    re_path(r"^(?P<path>(?s:.*))\Z", guard(router.not_found), name="api-nothing"),
]
