"""The site without a cache of ours; django-cacheops caches all its querysets."""

import os

from tests.benchmarks.querysets.cacheops_settings import *  # noqa: F403
from tests.benchmarks.querysets.cacheops_settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.warm.apps.NotedQueries"]
MIDDLEWARE = [
    "tests.benchmarks.warm.status.add_status_of_queries",
    *MIDDLEWARE,
    "tests.benchmarks.warm.status.number_pages",
]
CACHEOPS = {"content.*": {"ops": "all", "timeout": int(os.environ["BENCH_LIFETIME"])}}
