"""An export taken back into an empty database is the same site."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.exporters import export_content
from content.importers import import_folder
from content.models import Post
from tests.support.whole_site import empty_site, everything, fingerprint, make_whole_site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def changes(captured: CaptureQueriesContext) -> list[str]:
    return [q["sql"] for q in captured.captured_queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_a_site_comes_back_as_it_was(tmp_path: Path, settings):
    make_whole_site()
    before, rows = fingerprint(), list(everything())
    exported = export_content(tmp_path / "export")
    assert exported.warnings == []
    empty_site()
    settings.MEDIA_ROOT = tmp_path / "another storage"
    assert fingerprint() != before
    report = import_folder(tmp_path / "export")
    assert (report.failures, report.warnings) == ([], [])
    assert list(everything()) == rows
    assert fingerprint() == before
    assert report.created == exported.counts["posts"] + exported.counts["pages"] == Post.objects.count()


def test_a_second_import_writes_nothing(tmp_path: Path):
    make_whole_site()
    export_content(tmp_path / "export")
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            report = import_folder(tmp_path / "export")
        assert changes(captured) == []
        assert (report.created, report.updated, report.failures) == (0, 0, [])
        assert report.unchanged == Post.objects.count()
