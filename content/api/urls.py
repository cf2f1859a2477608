from django.urls import URLPattern, path, re_path

from content.api import endpoints, views
from content.api.app import api
from content.api.door import behind_door

__all__ = ["endpoints", "urlpatterns"]


def declared() -> list[URLPattern]:
    """The endpoints; django-ninja's own root, which is none, is left out."""
    return [
        path(f"v1/{pattern.pattern}", behind_door(pattern.callback), name=f"api-{pattern.name}")
        for pattern in api.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ]


urlpatterns = [
    path("v1/openapi.json", behind_door(views.openapi), name="api-openapi"),
    path("v1/docs/", behind_door(views.docs), name="api-docs"),
    *declared(),
    re_path(r"^(?P<path>(?s:.*))\Z", behind_door(views.nothing_here), name="api-nothing"),
]
