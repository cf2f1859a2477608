"""purge_cache on a warm site: what it says that it touches is what it touches, and bad input has a clear answer."""

import asyncio
import json
import re
import time
from collections import Counter
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.test import override_settings
from redis import Redis

from content.caching import headers
from content.caching.edge.page import url_key
from content.caching.engines import engine_of
from content.models import Category
from content.purging import Selection, Trigger, run_purge
from content.purging import survey as surveys
from content.warming.state import WarmState
from project.caches import cache_settings
from tests.support.caches import LOCMEM, SESSIONS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quiet_site")]

ORIGIN = "http://testserver"


class Output:
    def __init__(self, text: str, errors: str, code: int) -> None:
        self.text, self.errors, self.code = text, errors, code

    @property
    def data(self) -> dict:
        return json.loads(self.text)


def run(*words: str) -> Output:
    out = StringIO()
    try:
        call_command("purge_cache", *words, stdout=out)
    except CommandError as error:
        return Output(out.getvalue(), str(error), error.returncode)
    return Output(out.getvalue(), "", 0)


@async_to_sync
async def verdicts() -> dict[str, str]:
    """The verdicts of all stored entries and pages that have tags, by key."""
    found: dict[str, str] = {}
    async for names in surveys.list_keys(caches["default"]):
        stored = await surveys.read_headers(engine_of("default").tiers, names)
        found |= {key: each.verdict.value for key, each in stored.items() if each.header.tags}
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--group", "category:news"),
        ("--tag", "post:{post}"),
        ("--pattern", "/posts/post-1*"),
        ("--pattern", "post:*:page"),
        ("--resource", "post_card"),
        ("--url", "/posts/post-3/"),
        ("--url", ORIGIN + "/posts/post-3/"),
        ("--all",),
    ],
)
@pytest.mark.parametrize("how", ["--soft", "--hard"])
def test_it_touches_what_it_says_and_nothing_else(site, posts, words, how):
    words = [word.format(post=posts[3].pk) for word in words]
    said = run(*words, how, "--dry-run", "--json").data
    assert set(verdicts().values()) == {"valid"}
    done = run(*words, how, "--json")
    touched, in_passing = sum(said["touched"].values()), said["in_passing"]
    assert touched > 0
    assert (done.code, done.data["touched"]) == (0, said["touched"])
    # What shows it in passing becomes stale in both cases.
    stale = {"expired": touched + in_passing} if how == "--soft" else {"invalid": touched, "expired": in_passing}
    after = Counter(verdicts().values())
    del after["valid"]
    assert after == Counter(stale)
    assert (done.data["judged"], done.data["ended"]) == (min(touched, surveys.MOST_SAMPLED),) * 2


def test_a_group_is_all_that_shows_it(site, posts):
    news = Category.objects.get(slug="news")
    run("--group", f"category:{news.pk}", "--hard")
    now = verdicts()
    for post in posts:
        expected = {"invalid"} if post.category_id == news.pk else {"valid", "expired"}
        assert now[url_key(f"{ORIGIN}/posts/{post.slug}/")] in expected
    assert now[url_key(f"{ORIGIN}/categories/news/")] == "invalid"
    assert now[url_key(f"{ORIGIN}/categories/notes/")] != "invalid"


def test_it_says_what_it_will_touch_and_what_it_did(site, monkeypatch):
    async def living_loop() -> WarmState:
        return WarmState("web-1", 812, time.time(), 1, 1, 1, 1, 0, 0, None, None, 1.0, None)

    monkeypatch.setattr("content.purging.run.read_state", living_loop)
    plan, result = run("--url", "/posts/post-3/", "--soft").text.splitlines()
    assert plan.startswith(
        "Entries and pages with the tags path:/posts/post-3/ are made stale. That is 0 entries and 1 pages"
    )
    assert "Checked 1 of them against the log: 1 are no longer fresh." in result
    assert "Process 812 on web-1 makes them again, hottest first, 500 a second at most." in result
    again = run("--url", "/posts/post-3/", "--soft")
    assert "1 were purged before" in again.text
    assert again.code == 0
    assert "would be dropped" in run("--all", "--dry-run").text


def test_without_a_worker_it_says_who_makes_them_again(site):
    assert "No worker of this release" in run("--all", "--soft").text


@pytest.mark.parametrize(
    ("words", "label", "near"),
    [
        (("--tag", "psot:1:page"), "the tag psot:1:page", "post:1:page"),
        (("--url", "/posts/psot-3/"), "the address /posts/psot-3/", "/posts/post-3/"),
        (("--pattern", "/nowhere/*"), "the pattern /nowhere/*", None),
    ],
)
def test_what_is_not_stored_is_named_with_what_is_near(site, words, label, near):
    output = run(*words)
    assert output.code == 1
    assert output.errors.startswith(f"Nothing is stored of {label}.")
    assert near is None or "Did you mean " in output.errors
    missing = run(*words, "--json").data["missing"]
    assert label in missing


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Nothing is named"),
        (("--resource", "psot"), "There is no resource psot; there are .* Did you mean post"),
        (("--url", "nonsense"), "neither a path nor a URL"),
        (("--url", "http://[bad/"), "is no URL"),
        (("--url", "https://elsewhere.example/posts/post-3/"), r"elsewhere\.example is no host of this site"),
        (("--group", "category:nwes"), "There is no category .* Did you mean category:news"),
        (("--group", "categroy:news"), "no groups of kind 'categroy'.* Did you mean category:news"),
        (("--group", "category"), "is no group. Write category:7"),
        (("--group", "archive:2018-13"), "no year and no month"),
        (("--group", "category:" + "9" * 5000), "There is no category"),
        (("--tag", ""), "tag"),
        (("--tag", "x" * 501), "tag"),
        (("--tag", "\udc80"), "tag"),
        (("--pattern", ""), "1 to 500 characters"),
        (("--pattern", "x" * 501), "1 to 500 characters"),
        (("--tag", "a") * 1001, "1,001 things are named"),
    ],
)
def test_bad_input_is_refused_with_what_to_write(quiet_site, words, message):
    before = engine_of("default").ordering.version
    output = run(*words)
    assert output.code == 2
    assert output.errors.startswith("Nothing was purged. ")
    assert re.search(message, output.errors)
    assert engine_of("default").ordering.version == before, "no record was appended"


def test_a_pattern_of_too_many_tags_is_refused(site, monkeypatch):
    monkeypatch.setattr(surveys, "MOST_MATCHED", 10)
    output = run("--pattern", "post:*")
    assert output.code == 2
    assert "The pattern matches more than" in output.errors
    assert set(verdicts().values()) == {"valid"}


def test_a_survey_that_takes_too_long_says_that_its_counts_are_the_least(site, monkeypatch):
    monkeypatch.setattr(surveys, "STEP", 5)
    monkeypatch.setattr("content.purging.run.SECONDS", 0.0)
    monkeypatch.setattr("content.purging.run.SECONDS_FOR_PATTERNS", 0.0)
    output = run("--tag", "posts", "--tag", "nowhere")
    assert "That is at least " in output.text
    assert output.code == 0, "what was not looked at is not missing"
    output = run("--pattern", "post:*")
    assert "Not all stored entries were compared" in output.errors
    assert output.code == 1


async def test_two_operators_at_once_do_no_harm(site):
    chosen = Selection(groups=("archive:2018", "tag:green"))
    outcomes = await asyncio.gather(*(run_purge(chosen, soft=True, trigger=Trigger.TASK) for _ in range(2)))
    assert all(outcome.judged == outcome.ended for outcome in outcomes)


def test_bytes_of_other_programs_are_no_entries(site):
    with Redis.from_url(site) as client:
        client.lpush(caches["default"].make_key("alien"), "no entry")
        client.set(caches["default"].make_key("post@1:post,alien"), b"\xc1\xff" * 100)
    assert run("--resource", "post").code == 0


# --- without a Redis that answers --------------------------------------------------------------------------


@override_settings(CACHES={"default": LOCMEM, "sessions": SESSIONS})
def test_on_another_cache_counts_are_unknown_and_the_purge_is_done():
    output = run("--resource", "post", "--soft", "--json")
    assert (output.code, output.data["tags"], output.data["touched"]) == (0, ["resource:post"], None)
    assert "is not known" in run("--tag", "posts").text
    output = run("--pattern", "post:*")
    assert output.code == 2
    assert "only a Redis can list" in output.errors


def test_when_redis_is_down_it_says_that_others_may_still_serve_it(settings, monkeypatch):
    monkeypatch.setattr(headers, "FIRST_READ", 0.1)
    settings.CACHES = {"default": cache_settings("redis://127.0.0.1:1/0", "", 1024 * 1024, {}), "sessions": SESSIONS}
    output = run("--tag", "posts")
    assert output.code == 1
    assert output.errors.startswith("Some processes may still serve what you purged: ")
    output = run("--pattern", "post:*")
    assert output.code == 1
    assert output.errors.startswith("Nothing was purged. ")
