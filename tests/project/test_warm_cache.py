import asyncio
import json
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import override_settings

from content import resources
from content.ops.server_timing import count_queries
from content.warming.switch import pause_left
from tests.support.blog import make_blog

pytestmark = pytest.mark.django_db(transaction=True)

NO_CACHE = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.fixture(autouse=True)
def blog():
    cache.clear()
    yield make_blog()
    cache.clear()


def warm_cache(*arguments: str, **options) -> str:
    out = StringIO()
    call_command("warm_cache", *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def test_all_resources_are_warmed_and_counted(client):
    assert "0 not there, 0 failed." in warm_cache("--all")
    with count_queries() as queries:
        client.get("/?page=3")
    assert queries.count == 0


def test_one_resource_by_name():
    report = json.loads(warm_cache("post", "--json"))
    assert (report["warmed"], report["failed"]) == (25, 0)


def test_a_dry_run_lists_and_stores_nothing():
    listed = warm_cache("--url", "/posts/post-3/", "--dry-run")
    key = resources.post.key(("post", "post-3"))
    assert key in listed
    assert listed.splitlines()[-1] == "9 would be warmed."
    assert cache.get(key) is None


def test_without_a_cache_it_lists_failures_and_fails():
    with override_settings(CACHES=NO_CACHE), pytest.raises(CommandError, match=r"(\d+) of \1 could not be warmed"):
        warm_cache()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], "There is no resource 'nope'; there are site,"),
        (["--top", "0"], "--top 0: at least 1."),
        (["--url", "/nope"], "/nope is no page"),
    ],
)
def test_invalid_arguments_are_one_sentence(arguments, words):
    with pytest.raises(CommandError, match=words):
        warm_cache(*arguments)


def test_background_warming_is_paused_and_goes_on():
    assert "for 3600 seconds" in warm_cache("--pause")
    assert 3500 < asyncio.run(pause_left()) <= 3600
    assert "for 20 seconds" in warm_cache("--pause", "20")
    assert 0 < asyncio.run(pause_left()) <= 20
    assert "goes on" in warm_cache("--go-on")
    assert asyncio.run(pause_left()) == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "86401"])
def test_a_pause_is_bounded(seconds):
    with pytest.raises(CommandError, match="from 1 to 86400"):
        warm_cache(f"--pause={seconds}")
