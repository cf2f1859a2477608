"""The release is a digest of everything that pages are made from, and EVERGREEN_RELEASE overrides it."""

import json
import shutil
import time
from pathlib import Path

import pytest
from django.conf import settings

from content.caching.release import digest_of, release_digest
from project.release import release_of
from tests.support.mutation import UNWANTED
from tests.support.service import ROOT
from tests.support.settings_reader import running_settings_reader

PARTS = (
    "content/templates/content/base.html",
    "content/static/content/site.css",
    "content/views/posts.py",
    "content/caching/engine.py",
    "project/edge.py",
    "requirements/app.lock",
    "staticfiles.json",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    copy = tmp_path_factory.mktemp("release")
    for folder in ("content", "project", "requirements"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=UNWANTED)
    (copy / "staticfiles.json").write_text("{}")
    return copy


def release(copy: Path, *given: object) -> str:
    return release_of(copy, copy / "staticfiles.json", given)


@pytest.mark.parametrize("file", PARTS)
def test_each_file_that_pages_are_made_from_is_a_part_of_it(copy, file):
    before, content = release(copy), (copy / file).read_bytes()
    (copy / file).write_bytes(content + b" ")
    assert release(copy) != before
    (copy / file).write_bytes(content)
    assert release(copy) == before


def test_a_new_and_a_renamed_file_are_seen(copy):
    before = release(copy)
    file = copy / "content" / "templates" / "content" / "new.html"
    file.touch()
    added = release(copy)
    file = file.rename(file.with_name("other.html"))
    renamed = release(copy)
    file.unlink()
    assert len({before, added, renamed}) == 3
    assert release(copy) == before


def test_settings_are_a_part_of_it_and_files_of_tools_are_not(copy):
    before = release(copy, "Europe/Vienna")
    (copy / "content" / "__pycache__").mkdir(exist_ok=True)
    (copy / "content" / "__pycache__" / "views.pyc").write_bytes(b"1")
    (copy / "content" / ".views.py.swp").write_bytes(b"1")
    assert release(copy, "Europe/Vienna") == before
    assert release(copy, "UTC") != before


def test_it_is_the_same_for_a_copy(copy):
    assert release(copy) == release_of(ROOT, copy / "staticfiles.json", ())
    assert release(copy) != release_of(ROOT, copy / "missing.json", ())


def test_collecting_the_same_static_files_again_changes_nothing(copy):
    """The manifest has the times of the files: a restart, or a second machine, would make every page anew."""
    manifest = copy / "staticfiles.json"
    releases = []
    for names, times in (("a b", 1), ("b a", 2), ("a c", 2)):
        paths = {name: f"{name}.0f.css" for name in names.split()}
        manifest.write_text(json.dumps({"paths": paths, "version": "1.1", "stats": {"a": [times]}}))
        releases.append(release(copy))
    manifest.write_text("{}")
    assert releases[0] == releases[1] != releases[2]


def test_it_takes_less_than_fifty_milliseconds():
    began = time.process_time()
    release_of(ROOT, ROOT / "missing", ())
    assert time.process_time() - began < 0.05


def test_keys_carry_it():
    assert release_digest() == digest_of(settings.CACHE_RELEASE)


def test_the_environment_overrides_it(tmp_path):
    with running_settings_reader() as running:
        process = running.read(tmp_path, {"EVERGREEN_RELEASE": "2026-11-28 b"})
    assert "2026-11-28 b" in json.loads(process.stdout)["CACHE_RELEASE"]
