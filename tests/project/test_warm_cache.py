import asyncio
import json
import time
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import override_settings

from content import resources
from content.caching.queries import count_queries
from content.management import name_of_operator
from content.models import WarmRun
from content.warming import Target
from content.warming.load_control import LoadControl
from content.warming.run_queue import RunQueue
from content.warming.switch import Switch, pause_left
from project.warming import operator
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
    assert "0 skipped, 0 failed." in warm_cache("--all")
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
    assert listed.splitlines()[-1] == "9 would be warmed: 8 loads, about 1 s."
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
        (["nope"], "There is no resource 'nope'. There are site,"),
        (["psot"], "There is no resource 'psot'. Did you mean post"),
        (["--top", "0"], "--top 0: from 1 to 10,000"),
        (["--top", "-1"], "--top -1: from 1 to 10,000"),
        (["--top", "10000000"], "--top 10000000: from 1 to 10,000"),
        (["--url", "/posts/nope/"], "There is no public post, and no redirect, at /posts/nope/"),
        (["--url", "/tags/nope/"], "There is no tag 'nope'"),
        (["--url", "https://elsewhere.example/"], "is no page of this site"),
        (["--url", "//elsewhere.example/"], "is no page that can be warmed"),
        (["--pattern", ""], "--pattern '': from 1 to 400 characters"),
        (["--tag", ""], "tag"),
        (["--tag", "nobody:has:it"], "no stored entry has the tag nobody:has:it"),
        (["--pattern", "nothing:*"], r"Nothing was found: nothing:\* names no entry"),
        (["--run", "999"], "There is no run 999"),
        (["--cancel"], "--cancel needs --run ID"),
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


# --- runs -------------------------------------------------------------------------------------------------


def test_a_queued_run_waits_for_a_worker_and_is_followed(monkeypatch, settings):
    settings.WARM_ORIGINS = ["http://testserver"]
    said = warm_cache("--url", "/posts/post-3/", "--queue")
    run = WarmRun.objects.get()
    assert f"Queued as run {run.pk}" in said
    looks = []

    def work(seconds: float) -> None:
        """A worker that begins while the command waits."""
        looks.append(seconds)
        asyncio.run(RunQueue(LoadControl(), Switch()).work())

    monkeypatch.setattr(operator.time, "sleep", work)
    report = json.loads(warm_cache("--url", "/posts/post-3/", "--queue", "--wait", "--json"))
    assert looks
    assert (report["id"], report["state"], report["failed"]) == (run.pk, "done", 0)
    assert report["started_by"] == run.started_by == name_of_operator()


def test_a_run_is_shown_cancelled_and_resumed():
    warm_cache("post", "--queue")
    run = WarmRun.objects.get()
    assert "is cancelled" in warm_cache("--run", str(run.pk), "--cancel")
    with pytest.raises(CommandError, match="is cancelled: only one"):
        warm_cache("--run", str(run.pk), "--pause")
    assert "goes on where it stopped" in warm_cache("--run", str(run.pk), "--resume")
    assert json.loads(warm_cache("--run", str(run.pk), "--json"))["state"] == "queued"
    with pytest.raises(CommandError, match="Give one of --cancel and --retry"):
        warm_cache("--run", str(run.pk), "--cancel", "--retry")


def test_a_second_operator_follows_the_run_of_the_first():
    warm_cache("post", "--queue")
    report = json.loads(warm_cache("post", "--json"))
    assert (report["id"], report["state"]) == (WarmRun.objects.get().pk, "done")


def test_what_failed_is_named_and_retried(monkeypatch):
    async def broken() -> None:
        raise RuntimeError("no such table")

    with monkeypatch.context() as breakage:
        breakage.setattr(resources.sidebar, "load", broken)
        with pytest.raises(CommandError, match="1 of 1 could not be warmed") as raised:
            warm_cache("sidebar")
    assert raised.value.returncode == 1
    run = WarmRun.objects.get()
    assert f"retries the failures of run {run.pk}" in warm_cache("--run", str(run.pk), "--retry")
    asyncio.run(RunQueue(LoadControl(), Switch()).work())
    assert WarmRun.objects.first().warmed == 1


def test_ctrl_c_pauses_the_run(monkeypatch):
    async def interrupt(*args, **options) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operator, "execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        warm_cache("post")
    assert WarmRun.objects.get().state == "paused"


def test_a_dry_run_says_what_is_fresh_already():
    warm_cache("post")
    assert warm_cache("post", "comments", "--dry-run").splitlines()[-1].startswith("50 would be warmed: 25 loads")
