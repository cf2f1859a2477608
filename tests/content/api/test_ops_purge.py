"""Purges through the operators' API: what is said to be touched is touched, and wrong orders have a clear answer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import caches
from django.db import connections

from content.caching.engines import engine_of
from content.models import Category, OpsRequest, Purge
from content.purging import describe_purge
from content.purging import run as purge_run
from content.purging import survey as surveys
from content.services.ops_tokens import revoke_token
from tests.support.operators import Operator, data_of, problem_of
from tests.support.warming.everything import warm_everything_sync

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("warm_site")]


@pytest.fixture
def warm_site(site_on_redis):
    warm_everything_sync()


@pytest.fixture
def operator() -> Operator:
    return Operator()


@async_to_sync
async def count_verdicts() -> dict[str, int]:
    """Stored entries with tags, by verdict."""
    counts: dict[str, int] = {}
    async for names in surveys.list_keys(caches["default"]):
        stored = await surveys.read_headers(engine_of("default").tiers, names)
        for each in stored.values():
            if each.header.tags:
                counts[each.verdict.value] = counts.get(each.verdict.value, 0) + 1
    return counts


@pytest.mark.parametrize(("soft", "verdict"), [(False, "invalid"), (True, "expired")])
def test_it_says_what_it_touches_and_what_it_did(operator, soft, verdict):
    order = {"groups": ["category:news"], "soft": soft}
    planned = data_of(operator.post("purge", order | {"dry_run": True}))
    assert (planned["is_done"], planned["judged"], planned["ended"]) == (False, 0, 0)
    touched = sum(planned["touched"].values())
    assert planned["touched"]["page"] > 10
    assert verdict not in count_verdicts()
    done = data_of(operator.post("purge", order))
    assert (done["is_done"], done["is_complete"], done["soft"]) == (True, True, soft)
    assert {name: done[name] for name in ("touched", "tags", "bytes", "missing")} == {
        name: planned[name] for name in ("touched", "tags", "bytes", "missing")
    }
    assert done["judged"] == done["ended"] == touched == count_verdicts()[verdict] - (planned["in_passing"] * soft)
    again = data_of(operator.post("purge", order))
    assert (sum(again["touched"].values()), again["already_purged"]) == (0, touched)
    assert OpsRequest.objects.all()[1].outcome.startswith(f"purge {done['id']}: touched {{")
    row = describe_purge(Purge.objects.get(pk=done["id"]))
    assert (row["trigger"], row["started_by"], row["state"]) == ("api", operator.token.name, "done")
    assert {name: done[name] for name in done.keys() & row.keys()}.items() <= row.items()


@pytest.mark.parametrize(
    "order",
    [
        {"tags": ["category:{pk}"]},
        {"patterns": ["/posts/post-1*"]},
        {"resources": ["post"]},
        {"resources": ["page"]},
        {"urls": ["/posts/post-3/"]},
        {"groups": ["category:{pk}", "author:ann"]},
        {"everything": True},
    ],
)
def test_each_kind_of_thing_is_purged(operator, order):
    pk = Category.objects.get(slug="news").pk
    order = {
        name: [each.format(pk=pk) for each in value] if value is not True else value for name, value in order.items()
    }
    done = data_of(operator.post("purge", order))
    assert done["judged"] == done["ended"] > 0
    assert done["missing"] == {}


def test_what_is_not_stored_is_named_with_what_is_near(operator):
    tag = f"category:{Category.objects.first().pk}"
    done = data_of(operator.post("purge", {"tags": [tag.replace("go", "og")]}))
    [(label, near)] = done["missing"].items()
    assert label == f"the tag {tag.replace('go', 'og')}"
    assert tag in near


WRONG = {
    "nothing": ({}, 422, "Nothing is named"),
    "an unknown resource": ({"resources": ["psot"]}, 422, "Did you mean post"),
    "an unknown group": ({"groups": ["category:nwes"]}, 422, "Did you mean category:news"),
    "no group": ({"groups": ["news"]}, 422, "is no group"),
    "another host": ({"urls": ["https://elsewhere.example/"]}, 422, "is no host of this site"),
    "no path": ({"urls": ["posts"]}, 422, "neither a path nor a URL"),
    "too many": ({"tags": ["a"] * 600, "urls": ["/"] * 600}, 422, "1,000 are the most"),
    "too many of a kind": ({"tags": ["a"] * 1001}, 400, "see tags"),
    "names for resources": ({"names": ["post"]}, 400, "see names"),
    "a text for a choice": ({"everything": "yes"}, 400, "see everything"),
    "garbage": (b"\xff", 400, "no JSON"),
}


def test_a_wrong_order_has_a_clear_answer_and_purges_nothing(operator, subtests):
    """In one test, since to warm the site takes longer than all orders together."""
    for name, (order, status, words) in WRONG.items():
        with subtests.test(name):
            assert words in problem_of(operator.post("purge", order), status)["detail"]
            assert set(count_verdicts()) == {"valid"}
            assert OpsRequest.objects.get().status == status
        OpsRequest.objects.all().delete()


def test_too_wide_a_pattern_is_refused(operator, monkeypatch):
    monkeypatch.setattr(surveys, "MOST_MATCHED", 20)
    problem_of(operator.post("purge", {"patterns": ["*"]}), 422)
    assert set(count_verdicts()) == {"valid"}


def test_a_token_that_is_revoked_halfway_purges_nothing(operator, monkeypatch):
    async def survey_and_revoke(*args, **kwargs):
        known = await surveys.survey(*args, **kwargs)
        await sync_to_async(revoke_token)(operator.token.pk)
        return known

    monkeypatch.setattr(purge_run, "survey", survey_and_revoke)
    assert "Nothing was done" in problem_of(operator.post("purge", {"everything": True}), 401)["detail"]
    assert set(count_verdicts()) == {"valid"}
    assert OpsRequest.objects.get().status == 401
    assert not Purge.objects.exists()


def test_operators_who_purge_the_same_at_once_do_no_harm():
    operators = [Operator(name=f"operator {number}") for number in range(2)]
    barrier = Barrier(len(operators))

    def order(each: Operator):
        try:
            barrier.wait()
            return each.post("purge", {"groups": ["category:news"]})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(operators)) as pool:
        done = [data_of(response) for response in pool.map(order, operators)]
    assert all(each["is_done"] and each["judged"] == each["ended"] for each in done)
