"""`import_content --list` prints each item that the report counts."""

import json

import pytest
from django.core.management import call_command

from content.importers.report import MOST_DETAILS, ImportReport

POST = """---
title: A post
---
![gone](gone.png) and [a file](missing.pdf) and {% youtube abc %} and {% nonsense %}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "first.md").write_text(POST)
    (tmp_path / "posts" / "readme.md").write_text("# Not a post")
    return tmp_path / "posts"


@pytest.mark.django_db(transaction=True)
def test_each_thing_that_is_counted_is_listed(folder, capsys):
    call_command("import_content", str(folder), "--list")
    printed = capsys.readouterr().out
    for line in (
        "files that are no posts:\n  posts/readme.md",
        "images that are not there:\n  gone.png (from .)",
        "links to files that are not there:\n  missing.pdf (from .)",
        "template tags dropped:\n",
    ):
        assert line in printed


@pytest.mark.django_db(transaction=True)
def test_json_has_the_list_if_it_was_asked_for(folder, capsys):
    (folder / "first.md").write_text("---\ntitle: A post\n---\nWords")
    call_command("import_content", str(folder), "--json", "--list")
    assert json.loads(capsys.readouterr().out)["details"]["files that are no posts"] == ["posts/readme.md"]
    call_command("import_content", str(folder), "--json")
    assert "details" not in json.loads(capsys.readouterr().out)


def test_a_list_is_bounded():
    report = ImportReport()
    for number in range(MOST_DETAILS + 5):
        report.note("kind", str(number))
    assert len(report.list_details()["kind"]) == MOST_DETAILS
