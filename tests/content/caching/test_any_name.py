"""The engine runs under any name: the same files are a package by themselves."""

import shutil

from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

PROGRAM = """
import importlib, pkgutil, sys, warnings
warnings.simplefilter("error")
import django
from django.conf import settings

redis = {"BACKEND": "evergreen_cache.backends.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
settings.configure(INSTALLED_APPS=["evergreen_cache"], CACHES={"default": redis})
django.setup()
for module in pkgutil.walk_packages(importlib.import_module("evergreen_cache").__path__, "evergreen_cache."):
    importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name == "content" or name.startswith("content.")))
"""


def test_it_is_imported_under_another_name_and_knows_no_other_module_of_ours(tmp_path):
    shutil.copytree(ROOT / "content" / "caching", tmp_path / "evergreen_cache")
    ran = run_warm(["-c", PROGRAM], clean_environment() | {"PYTHONPATH": str(tmp_path)}, tmp_path)
    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr
