"""The service's settings, with what tests need: a state folder and a database of their own."""

import atexit
import os
import shutil
import tempfile

if "EVERGREEN_STATE_DIR" not in os.environ:
    os.environ["EVERGREEN_STATE_DIR"] = tempfile.mkdtemp(prefix="evergreen-test-")
    atexit.register(shutil.rmtree, os.environ["EVERGREEN_STATE_DIR"], ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "for tests only")
os.environ.setdefault("CACHE_URL", "locmem://tests")

from project.settings import *  # noqa: F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file, so that several processes can share it.
DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}  # noqa: F405
