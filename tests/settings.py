"""The service's settings, with what tests need: a state folder and a database of their own.

EVERGREEN_TEST_DATABASE=postgres runs them on a PostgreSQL that is started for them.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack

if "EVERGREEN_STATE_DIR" not in os.environ:
    os.environ["EVERGREEN_STATE_DIR"] = tempfile.mkdtemp(prefix="evergreen-test-")
    atexit.register(shutil.rmtree, os.environ["EVERGREEN_STATE_DIR"], ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "for tests only")
os.environ.setdefault("CACHE_URL", "locmem://tests")
if os.environ.get("EVERGREEN_TEST_DATABASE") == "postgres" and "DATABASE_URL" not in os.environ:
    # Child processes, such as workers of the tests, find the URL in their environment.
    from tests.support.servers.postgres import running_postgres

    until_the_end = ExitStack()
    os.environ["DATABASE_URL"] = until_the_end.enter_context(running_postgres()).url
    atexit.register(until_the_end.close)

from project.settings import *  # noqa: F403

# It has its own name, by which pytest-django knows that a live server has static files to serve.
INSTALLED_APPS = [name.replace("project.apps.StaticFiles", "django.contrib.staticfiles") for name in INSTALLED_APPS]  # noqa: F405

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, so that several processes can share it.
    DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}  # noqa: F405
