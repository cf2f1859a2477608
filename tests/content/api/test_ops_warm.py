"""Runs through the operators' API: started, followed, steered; wrong orders have a clear answer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections
from django.test import AsyncClient

from content.api.ops import dry_run, endpoints
from content.models import OpsRequest, WarmFailure, WarmRun
from content.purging.survey_slot import survey_slot
from content.services.ops_tokens import revoke_token
from content.warming.choice import Choice
from content.warming.execution import execute
from content.warming.runs import describe_run, start_run
from tests.support.operators import OPS, Operator, data_of, problem_of
from tests.support.wait import wait_until_async

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]


@pytest.fixture
def operator() -> Operator:
    return Operator()


def work_on(run: int) -> None:
    assert async_to_sync(execute)(run)


def test_a_run_is_started_followed_and_shows_the_numbers_of_other_triggers(operator):
    response = operator.post("warm", {"everything": True})
    run = data_of(response, 202)
    assert response.headers["Location"] == f"{OPS}runs/{run['id']}"
    assert (run["state"], run["trigger"], run["started_by"]) == ("queued", "api", "deploy")
    assert (run["plan"], run["planned"]) == ("everything", None)
    work_on(run["id"])
    ended = data_of(operator.client.get(response.headers["Location"]))
    assert (ended["state"], ended["message"], ended["failures"]) == ("done", "", {})
    assert ended["planned"] == ended["done"] == ended["warmed"] > 100
    shown = describe_run(WarmRun.objects.get())
    assert {name: ended[name] for name in shown if not name.endswith("_at")} == {
        name: value for name, value in shown.items() if not name.endswith("_at")
    }
    assert set(ended) == set(shown)
    assert OpsRequest.objects.last().outcome == f"run {run['id']} started"


@pytest.mark.parametrize(
    ("order", "plan"),
    [
        ({}, "the popular"),
        ({"names": ["post", "page"]}, "post, page"),
        ({"urls": ["/posts/post-3/", "http://testserver/archive/"]}, "/posts/post-3/, /archive/"),
        ({"tags": ["category:1"]}, "tag category:1"),
        ({"patterns": ["/posts/*"]}, "/posts/*"),
        ({"top": 7}, "the 7 most viewed"),
        ({"top": 7.0}, "the 7 most viewed"),
        ({"top": None, "stale": True}, "everything, if it is stale"),
    ],
)
def test_each_choice_of_the_command_is_one_of_the_api(operator, order, plan):
    assert data_of(operator.post("warm", order), 202)["plan"] == plan


def test_a_tag_without_entries_is_said_by_the_run(operator):
    run = data_of(operator.post("warm", {"tags": ["psot:42"]}), 202)
    work_on(run["id"])
    ended = data_of(operator.get(f"runs/{run['id']}"))
    assert (ended["state"], ended["planned"]) == ("done", 0)
    assert "no stored entry has the tag psot:42" in ended["message"]


WRONG = {
    "an unknown resource": ({"names": ["psot"]}, 422, "There is no resource 'psot'. Did you mean post"),
    "another host": ({"urls": ["https://example.org/posts/x/"]}, 422, "no page of this site"),
    "an unknown address": ({"urls": ["/posts/nothing/"]}, 422, "There is no public post"),
    "no address": ({"urls": ["nothing"]}, 422, "no page of this site"),
    "a path of the network": ({"urls": ["//example.org/"]}, 422, "no page that can be warmed"),
    "top -1": ({"top": -1}, 400, "see top"),
    "top 0": ({"top": 0}, 400, "see top"),
    "too large a top": ({"top": 10_001}, 400, "see top"),
    "half a top": ({"top": 7.5}, 400, "see top"),
    "top in words": ({"top": "ten"}, 400, "see top"),
    "too many": ({"urls": ["/"] * 1001}, 400, "see urls"),
    "too long": ({"tags": ["x" * 501]}, 400, "see tags[0]"),
    "an empty text": ({"names": [""]}, 400, "see names[0]"),
    "NUL": ({"patterns": ["a\0b"]}, 400, "see patterns[0]"),
    "a text for a list": ({"names": "post"}, 400, "see names"),
    "null for a list": ({"names": None}, 400, "see names"),
    "an unknown field": ({"nmaes": ["post"]}, 400, "see nmaes"),
    "a field of the command": ({"log": "access.log"}, 400, "see log"),
    "no object": ([], 400, "see body"),
    "null": (b"null", 400, "see body"),
    "nothing": (b"", 415, "Send a JSON object"),
    "a space": (b" ", 400, "no JSON"),
    "garbage": (b"\x00\xff\x1b{", 400, "no JSON"),
    "half of it": (b'{"names": ["po', 400, "no JSON"),
    "not UTF-8": (b'{"names": ["\xff"]}', 400, ""),
    "half a surrogate": (b'{"names": ["\\ud800"]}', 400, ""),
    "deep": (b"[" * 200_000, 400, ""),
    "a huge number": (b'{"top": ' + b"9" * 10_000 + b"}", 400, ""),
    "no number": (b'{"top": NaN}', 400, "no JSON"),
    "two of it": (b"{} {}", 400, "no JSON"),
}


@pytest.mark.parametrize(("order", "status", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_order_has_a_clear_answer_and_starts_nothing(operator, order, status, words):
    problem = problem_of(operator.post("warm", order), status)
    assert words in problem["detail"]
    assert "Traceback" not in problem["detail"]
    assert not WarmRun.objects.exists()
    assert OpsRequest.objects.get().status == status


def test_a_mistyped_field_gets_the_one_that_is_near(operator):
    place = problem_of(operator.post("warm", {"nmaes": []}), 400)["errors"][0]
    assert (place["where"], place["name"]) == ("body", "nmaes")
    assert "Did you mean names?" in place["detail"]
    assert "everything, dry_run." in place["detail"]


def test_a_body_past_the_bound_is_413(operator):
    order = b'{"names": ["post"]' + b" " * 1024 * 1024 + b"}"
    assert "1,048,576 bytes" in problem_of(operator.post("warm", order), 413)["detail"]
    problem_of(operator.post("purge", b" " * 11 * 1024 * 1024), 413)


def test_a_parameter_of_the_query_is_refused(operator):
    problem_of(operator.post("warm?names=post"), 400)
    problem_of(operator.get("runs?limit=0"), 400)
    problem_of(operator.get("runs?page=2"), 400)


# --- a dry run --------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_loaded_and_starts_nothing(operator):
    estimate = data_of(operator.post("warm", {"everything": True, "dry_run": True}))
    assert estimate["planned"] == estimate["loads"] > 100
    assert (estimate["is_complete"], estimate["message"], estimate["plan"]) == (True, "", "everything")
    assert estimate["seconds"] > 0
    assert not WarmRun.objects.exists()
    work_on(data_of(operator.post("warm", {"everything": True}), 202)["id"])
    again = data_of(operator.post("warm", {"everything": True, "dry_run": True}))
    assert (again["planned"], again["loads"]) == (estimate["planned"], 0)


def test_a_dry_run_of_nothing_says_so(operator):
    estimate = data_of(operator.post("warm", {"patterns": ["/nothing/*"], "dry_run": True}))
    assert (estimate["planned"], estimate["is_complete"]) == (0, True)
    assert estimate["message"].startswith("Nothing was found: /nothing/*")


def test_a_plan_that_is_too_large_is_refused(operator, monkeypatch):
    monkeypatch.setattr(dry_run, "MOST_PLANNED", 50)
    assert "more than 50" in problem_of(operator.post("warm", {"everything": True, "dry_run": True}), 422)["detail"]


def test_a_count_that_takes_too_long_says_that_it_is_the_least(operator, monkeypatch):
    monkeypatch.setattr(dry_run, "SECONDS", 0.0)
    estimate = data_of(operator.post("warm", {"everything": True, "dry_run": True}))
    assert (estimate["is_complete"], estimate["message"]) == (False, "")


def test_counts_at_once_are_bounded(operator):
    with survey_slot(), survey_slot():
        response = operator.post("warm", {"dry_run": True})
        problem_of(response, 503)
        assert response.headers["Retry-After"]
        problem_of(operator.post("purge", {"everything": True}), 503)
    assert data_of(operator.post("warm", {"dry_run": True}))["planned"]


# --- several at once, and halfway --------------------------------------------------------------------------


def test_operators_who_order_the_same_at_once_share_one_run():
    operators = [Operator(name=f"operator {number}") for number in range(4)]
    barrier = Barrier(len(operators))

    def order(each: Operator):
        try:
            barrier.wait()
            return each.post("warm", {"everything": True})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(operators)) as pool:
        responses = list(pool.map(order, operators))
    assert sorted(response.status_code for response in responses) == [200, 200, 200, 202]
    run = WarmRun.objects.get()
    assert {response.headers["Location"] for response in responses} == {f"{OPS}runs/{run.pk}"}
    first = next(response for response in responses if response.status_code == 202)
    assert run.started_by == first.json()["started_by"]


def test_the_same_choice_gets_the_run_of_another_trigger(operator):
    run, _ = start_run(Choice(everything=True), trigger="command", started_by="ann@host")
    response = operator.post("warm", {"everything": True})
    assert (data_of(response)["id"], response.json()["started_by"]) == (run.pk, "ann@host")
    assert response.headers["Location"] == f"{OPS}runs/{run.pk}"


def test_a_token_that_is_revoked_halfway_starts_nothing(operator, monkeypatch):
    async def check_and_revoke(choice):
        await sync_to_async(revoke_token)(operator.token.pk)
        return choice

    monkeypatch.setattr(endpoints, "check_choice", check_and_revoke)
    response = operator.post("warm", {"everything": True})
    assert "Nothing was done" in problem_of(response, 401)["detail"]
    assert not WarmRun.objects.exists()
    assert OpsRequest.objects.get().status == 401


def test_a_run_goes_on_when_its_token_is_revoked(operator):
    run = data_of(operator.post("warm", {"everything": True}), 202)
    assert f"Runs that it started go on: {run['id']}." in revoke_token(operator.token.pk)
    problem_of(operator.post(f"runs/{run['id']}/cancel"), 401)
    work_on(run["id"])
    assert WarmRun.objects.get().state == "done"


async def test_a_client_that_hangs_up_is_recorded(operator, monkeypatch):
    is_reached = asyncio.Event()

    async def wait_for_ever(choice):
        is_reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(endpoints, "check_choice", wait_for_ever)
    order = {"data": {"everything": True}, "content_type": "application/json", "headers": operator.headers}
    request = asyncio.create_task(AsyncClient().post(f"{OPS}warm", **order))
    await wait_until_async(lambda: is_reached.is_set() or request.done(), "the order is being checked")
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    row = await OpsRequest.objects.aget()
    assert (row.status, row.order) == (None, '{"everything": true}')
    assert "hung up" in row.outcome


# --- steering ---------------------------------------------------------------------------------------------


def test_a_run_is_paused_resumed_and_cancelled(operator):
    run = data_of(operator.post("warm", {"everything": True}), 202)["id"]
    for verb, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        assert data_of(operator.post(f"runs/{run}/{verb}"))["state"] == state
    assert f"Run {run} is cancelled: only one" in problem_of(operator.post(f"runs/{run}/cancel"), 409)["detail"]
    assert OpsRequest.objects.all()[1].outcome == f"Run {run} is cancelled. What was warmed stays warm."


def test_failures_are_retried_as_a_run_of_their_own(operator):
    run = data_of(operator.post("warm", {"top": 5}), 202)["id"]
    assert "Retry its failures when it has ended" in problem_of(operator.post(f"runs/{run}/retry"), 409)["detail"]
    WarmRun.objects.update(state="done", failed=1)
    WarmFailure.objects.create(run_id=run, target="sidebar:", reason="RuntimeError: gone")
    assert data_of(operator.get(f"runs/{run}"))["failures"] == {"sidebar:": "RuntimeError: gone"}
    response = operator.post(f"runs/{run}/retry")
    new = data_of(response, 202)
    assert (new["retry_of"], new["trigger"], new["started_by"]) == (run, "api", "deploy")
    assert response.headers["Location"] == f"{OPS}runs/{new['id']}"
    assert data_of(operator.post(f"runs/{run}/retry"))["id"] == new["id"]


def test_a_run_that_is_not_there_is_404_with_the_newest(operator):
    run = data_of(operator.post("warm", {}), 202)["id"]
    for number in (run + 1, 0, 2**63, 10**30):
        assert f"The newest are {run}." in problem_of(operator.get(f"runs/{number}"), 404)["detail"]
    problem_of(operator.post(f"runs/{run + 1}/cancel"), 404)
    problem = problem_of(operator.post(f"runs/{run}/canecl"), 400)
    assert "'cancel', 'pause', 'resume' or 'retry'" in problem["errors"][0]["detail"]


def test_the_newest_runs_are_listed(operator):
    for number in range(1, 4):
        operator.post("warm", {"top": number})
    runs = data_of(operator.get("runs"))["items"]
    assert [run["plan"] for run in runs] == [f"the {number} most viewed" for number in (3, 2, 1)]
    assert [run["id"] for run in data_of(operator.get("runs?limit=1"))["items"]] == [runs[0]["id"]]
