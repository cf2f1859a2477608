import asyncio
import json
import time
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import override_settings

from content import resources
from content.ops.server_timing import count_queries
from content.warming import Target
from content.warming.switch import pause_left
from project.warming.crew import HelperFailed, crew_of
from tests.support.blog import make_blog
from tests.support.caches import LOCMEM, redis_cache, use_cache

pytestmark = pytest.mark.django_db(transaction=True)

NO_CACHE = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.fixture(autouse=True)
def blog(fresh_redis):
    with use_cache(redis_cache(fresh_redis), time.time):
        yield make_blog()


def warm_cache(*arguments: str, **options) -> str:
    out = StringIO()
    call_command("warm_cache", *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def test_all_resources_are_warmed_and_counted(client, settings):
    settings.WARM_ORIGINS = ["http://testserver"]
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


def test_with_a_cache_that_no_server_sees_it_says_so():
    with (
        override_settings(CACHES={"default": LOCMEM}),
        pytest.raises(CommandError, match="the memory of each process"),
    ):
        warm_cache("--all")


def test_i13_where_no_page_would_be_warmed_it_says_so_and_fails(settings):
    settings.EDGE = True
    with pytest.raises(CommandError, match="the addresses that readers use are not known") as raised:
        warm_cache("--top", "1")
    assert raised.value.returncode == 1
    settings.WARM_ORIGINS = ["http://testserver"]
    assert json.loads(warm_cache("--top", "1", "--json"))["pages"] > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], "There is no resource 'nope'; there are site,"),
        (["--top", "0"], "--top 0: at least 1."),
        (["--all", "--processes", "65"], "--processes 65: 1 to 64."),
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


def test_a_second_process_that_dies_is_named_and_not_waited_for():
    with crew_of(2) as crew:
        crew.helpers[0].process.kill()
        plan = [Target(resources.post, ("post", f"post-{number}")) for number in range(2)]
        plan.append(Target(resources.site))
        with pytest.raises(HelperFailed, match="The site is warm in part"):
            asyncio.run(crew.warm(plan, margin=0, progress=lambda report: None))
