"""The site as it is, with the lifetimes of the benchmark."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.warm.apps.ShortLifetimes"]
MIDDLEWARE = [*MIDDLEWARE, "tests.benchmarks.warm.status.count_at_once"]
