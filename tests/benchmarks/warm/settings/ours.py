"""The site as it is, with the lifetimes of the benchmark."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.benchmarks.warm.apps.ShortLifetimes",
    "tests.benchmarks.warm.versions.NotedVersions",
]
MIDDLEWARE = [*MIDDLEWARE, "tests.benchmarks.warm.status.number_pages"]
