"""A Django project that keeps its page with cache_page on django-redis: `application`.

REDIS_URL: where. MIDDLEWARE: "stock" for what startproject sets up, "none" for none.
"""

import os
from itertools import count
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page

from tests.benchmarks.edge import STOCK
from tests.benchmarks.served.origin import alive
from tests.benchmarks.served.pages import PAGES

numbers = count(1)


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["REDIS_URL"]}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=STOCK if os.environ["MIDDLEWARE"] == "stock" else [],
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmark",
    USE_TZ=True,
)
django.setup()
handler = get_asgi_application()


@cache_page(3600)
async def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGES["/8k"].body, headers={"X-Number": str(next(numbers))})


urlpatterns = [path("8k", page)]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await alive(receive, send)
    else:
        await handler(scope, receive, send)
