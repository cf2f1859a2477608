"""`cache_explain`, on the site's own resources."""

import json

import pytest
from django.core.management import CommandError, call_command

from content import resources


def test_an_entry_is_explained_with_its_schema_and_its_release(capsys, settings):
    call_command("cache_explain", "post:post,nothing", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["is_of_this_release"]) == (resources.post.schema, True)
    assert report["why"] == "nothing is stored under this key"
    call_command("cache_explain", "post@abcdefgh:post,nothing")
    assert "schema abcdefgh, of another release, not read by this one" in capsys.readouterr().out
    call_command("cache_explain", "http://site/")
    shown = capsys.readouterr().out
    assert "nothing is stored under this key" in shown
    assert f"release {settings.CACHE_RELEASE}" in shown


def test_a_path_without_a_host_is_refused():
    with pytest.raises(CommandError, match=r"Give its whole URL: http://127\.0\.0\.1:8000/posts/first/"):
        call_command("cache_explain", "/posts/first/")
