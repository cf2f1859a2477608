"""The site without its edge, its views behind Django's cache_page on django-redis, as its documentation has it."""

from project.settings import *  # noqa: F403
from project.settings import CACHES, REDIS_URL

EDGE = False
ROOT_URLCONF = "tests.benchmarks.site.cache_page_urls"
CACHES = CACHES | {"pages": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS_URL}}
