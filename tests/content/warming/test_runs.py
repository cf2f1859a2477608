"""Runs of warming: live progress, halting and going on, one process at a time, and honest numbers."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from content import resources
from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.headers import read_headers
from content.models import Post, PostViews, WarmRun
from content.warming import catalogue, execution, run_lease, run_queue, targets
from content.warming.choice import Choice, ChoiceError, check_choice, read_choice
from content.warming.execution import execute
from content.warming.load_control import LoadControl
from content.warming.run import Report
from content.warming.run_queue import RunQueue
from content.warming.runs import (
    SteeringError,
    cancel_run,
    describe_run,
    is_success,
    pause_run,
    prune_runs,
    resume_run,
    retry_run,
    start_run,
    summarize_run,
)
from content.warming.switch import Switch
from tests.support.blog import make_post
from tests.support.tracing import recorded
from tests.support.wait import wait_until_async
from tests.support.warm_runs import Gate, execute_until, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

State = WarmRun.State
ALL = Choice(everything=True)


async def again(run: WarmRun) -> WarmRun:
    return await WarmRun.objects.aget(pk=run.pk)


async def describe(run: WarmRun) -> dict[str, object]:
    return await sync_to_async(describe_run)(await again(run))


async def count_fresh(keys: list[str]) -> int:
    """As another process finds them: the headers in Redis."""
    engine = engine_of("default")
    stored = await read_headers(engine.tiers, keys)
    return sum(each.fresh_for(engine.clock()) > 0 for each in stored.values())


@pytest.fixture(params=["kept", "listed again"])
def few_steps(request, monkeypatch, settings):
    """The catalogue in many small steps: with pages, kept in memory; or without, listed a second time."""
    settings.EDGE = request.param == "kept"
    monkeypatch.setattr(execution, "KEPT", 100_000 if request.param == "kept" else 0)
    monkeypatch.setattr("content.warming.steps.catalogue", partial(catalogue, 40))
    monkeypatch.setattr("content.warming.rows.ROWS", 5)


# Batches of a smaller site would save fewer queries.
@pytest.mark.parametrize("blog", [25], indirect=True)
async def test_the_numbers_of_a_run_are_what_another_process_reads_back():
    run, gate = await start(ALL, started_by="ann"), Gate()
    assert await execute(run.pk, by=gate)
    report = await describe(run)
    assert (report["state"], report["message"], report["started_by"]) == ("done", "", "ann")
    assert report["planned"] == report["done"] == report["warmed"] == len(gate.warmed) == len(set(gate.warmed))
    assert (report["fresh"], report["failed"], report["skipped"], report["left"]) == (0, 0, 0, 0)
    assert await count_fresh(gate.warmed) == report["warmed"]
    assert report["pages"] == sum("http://testserver" in key for key in gate.warmed) > 100
    assert report["bytes"] > 100_000
    assert 0 < report["queries"] <= report["planned"] / 3
    assert report["seconds"] > 0
    assert report["rate"] > 0
    assert msgspec.json.encode(report)


async def test_a_run_that_the_control_loop_works_on_is_a_trace_of_its_own():
    run = await start(Choice(names=("site",)))
    with recorded() as recording:
        await RunQueue(LoadControl(), Switch()).work()
    span = recording.spans.one("warm run")
    assert span.parent_id == ""
    assert {
        "evergreen.run": run.pk,
        "evergreen.run.state": "done",
        "evergreen.run.done": 1,
    }.items() <= span.attributes.items()
    assert recording.spans.one("load site").trace_id == span.trace_id


async def test_a_run_says_what_was_fresh_when_it_had_ended():
    run = await start(ALL)
    assert (await describe(run))["coverage"] is None
    await execute(run.pk)
    await invalidate(["site"])
    coverage = (await describe(run))["coverage"]
    assert coverage["hot"]["fresh"] == coverage["hot"]["entries"] > 10
    assert coverage["hot"]["kinds"]["page: home"] == {"fresh": 1, "entries": 1, "share": 1.0}
    assert "Fresh in Redis: 100 % of the 100 hottest" in await sync_to_async(summarize_run)(await again(run))


async def test_progress_is_seen_while_a_run_is_at_work(few_steps, monkeypatch, settings):
    # The time that is left for entries alone may be none.
    settings.EDGE = True
    monkeypatch.setattr(execution, "BEAT", 0.02)
    run, gate = await start(ALL), Gate(stop_before=5)
    task = await execute_until(run, gate)
    first = await again(run)
    await wait_until_async(
        sync_to_async(lambda: WarmRun.objects.get(pk=run.pk).heartbeat_at > first.heartbeat_at), "it reports"
    )
    report = await describe(run)
    assert (report["state"], report["done"]) == ("running", len(gate.warmed))
    assert 0 < report["done"] < report["planned"]
    assert report["left"] == report["planned"] - report["done"]
    assert report["estimate"] > 0
    gate.is_open.set()
    assert await task


@pytest.mark.parametrize(("halt", "state"), [(cancel_run, State.CANCELLED), (pause_run, State.PAUSED)])
async def test_a_run_is_halted_and_goes_on_with_each_target_counted_once(few_steps, monkeypatch, halt, state):
    monkeypatch.setattr(execution, "BEAT", 0.02)
    run, gate = await start(ALL), Gate(stop_before=6)
    task = await execute_until(run, gate)
    await sync_to_async(halt)(run)
    assert await task
    halted = await again(run)
    assert (halted.state, halted.done) == (state, len(gate.warmed))
    assert not await execute(run.pk)
    await sync_to_async(resume_run)(run)
    rest = Gate()
    assert await execute(run.pk, by=rest)
    ended = await again(run)
    assert (ended.state, ended.done, ended.failed, ended.skipped) == (State.DONE, halted.planned, 0, 0)
    both = {*gate.warmed, *rest.warmed}
    assert len(both) == await count_fresh(list(both)) == ended.planned
    # What was done behind the last checkpoint is compared again.
    assert len(set(gate.warmed) & set(rest.warmed)) < len(gate.warmed) / 2


@pytest.mark.usefixtures("quick_lease")
async def test_the_run_of_a_dead_process_is_taken_over_where_it_stopped(few_steps, monkeypatch):
    run, gate = await start(ALL), Gate(stop_before=6)
    with monkeypatch.context() as death:
        # A killed process releases nothing.
        death.setattr(run_lease.RunLease, "release", lambda lease: asyncio.sleep(0))
        task = await execute_until(run, gate)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not await execute(run.pk)
    assert (await again(run)).state == State.RUNNING
    rest = Gate()

    async def is_taken_over() -> bool:
        return await execute(run.pk, by=rest)

    await wait_until_async(is_taken_over, "the lease has lapsed")
    ended = await again(run)
    assert (ended.state, ended.takeovers, ended.done) == (State.DONE, 1, ended.planned)
    assert len({*gate.warmed, *rest.warmed}) == ended.planned
    assert len(rest.warmed) < ended.planned


async def test_rows_that_come_and_go_while_nobody_works_move_no_other(few_steps, monkeypatch):
    monkeypatch.setattr(execution, "BEAT", 0.02)
    run, gate = await start(ALL), Gate(stop_before=3)
    task = await execute_until(run, gate)
    await sync_to_async(cancel_run)(run)
    await task
    done = set(gate.warmed)
    keys = {pk: resources.comments.key((pk,)) async for pk in Post.objects.values_list("pk", flat=True)}
    gone = [pk for pk, key in keys.items() if key in done][:3]
    await Post.objects.filter(pk__in=gone).adelete()
    await sync_to_async(make_post)("newest")
    await sync_to_async(make_post)("oldest", published_at=timezone.now() - timedelta(days=900))
    await sync_to_async(resume_run)(run)
    rest = Gate()
    assert await execute(run.pk, by=rest)
    wanted = {key for pk, key in keys.items() if pk not in gone}
    assert wanted <= done | set(rest.warmed)
    assert len(done & wanted & set(rest.warmed)) < 10
    assert resources.post.key(("post", "oldest")) in rest.warmed


async def test_a_post_that_becomes_popular_while_nobody_works_is_not_left_out(few_steps):
    run, gate = await start(ALL), Gate(stop_before=3)
    task = await execute_until(run, gate)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    last = await Post.objects.aget(slug="post-11")
    await PostViews.objects.acreate(post=last, total=5, heat=1.0)
    rest = Gate()
    assert await execute(run.pk, by=rest)
    assert resources.post.key(("post", "post-11")) not in gate.warmed
    assert resources.post.key(("post", "post-11")) in rest.warmed


async def test_a_process_that_was_replaced_writes_nothing(few_steps):
    run, slow = await start(ALL), Gate(stop_before=4)
    task = await execute_until(run, slow)
    await lease_of(run).store.release(lease_of(run).name, (await again(run)).token)
    assert await execute(run.pk)
    ended = await again(run)
    slow.is_open.set()
    assert await task
    assert (ended.state, ended.done) == (State.DONE, ended.planned)
    assert await again(run) == ended
    assert (await again(run)).warmed == ended.warmed


def lease_of(run: WarmRun) -> run_lease.RunLease:
    return run_lease.RunLease(run.pk)


async def test_a_flush_in_the_middle_stops_no_run(few_steps):
    run, gate = await start(ALL), Gate(stop_before=4)
    task = await execute_until(run, gate)
    await lease_of(run).store.release(lease_of(run).name, (await again(run)).token)
    gate.is_open.set()
    assert await task
    assert (await again(run)).state == State.DONE


async def test_a_loader_that_raises_is_a_named_failure_and_is_retried(monkeypatch):
    async def broken() -> None:
        raise RuntimeError("no such table")

    with monkeypatch.context() as breakage:
        breakage.setattr(resources.sidebar, "load", broken)
        run = await start_and_execute(Choice(names=("sidebar", "post")))
    report = await describe(run)
    assert report["failures"] == {"sidebar:": "RuntimeError: no such table"}
    assert (report["failed"], report["done"]) == (1, report["planned"])
    assert not is_success(run)
    retried, _ = await sync_to_async(retry_run)(run)
    assert await execute(retried.pk)
    report = await describe(retried)
    assert (report["planned"], report["warmed"], report["failed"], report["retry_of"]) == (1, 1, 0, run.pk)


async def test_an_application_that_raises_is_a_named_failure(monkeypatch):
    async def broken(scope, receive, send):
        raise RuntimeError("no template")

    monkeypatch.setattr(targets.edge().origin, "app", broken)
    run = await start(Choice(urls=("/posts/post-3/",)))
    assert await execute(run.pk)
    assert (await describe(run))["failures"] == {"page:http://testserver/posts/post-3/": "RuntimeError: no template"}


async def test_a_plan_of_ten_million_is_refused_with_words(monkeypatch):
    monkeypatch.setattr(execution, "MOST_PLANNED", 100)
    run, gate = await start(ALL), Gate()
    assert await execute(run.pk, by=gate)
    ended = await again(run)
    assert (ended.state, ended.done, gate.warmed) == (State.STOPPED, 0, [])
    assert "more than 100 targets" in ended.message


def start_all() -> tuple[int, bool]:
    try:
        run, is_new = start_run(ALL, trigger=WarmRun.Trigger.ADMIN, started_by="bob")
        return run.pk, is_new
    finally:
        connections.close_all()


async def test_of_two_operators_at_once_the_second_gets_the_run_of_the_first():
    with ThreadPoolExecutor(2) as threads:
        loop = asyncio.get_running_loop()
        started = await asyncio.gather(*(loop.run_in_executor(threads, start_all) for _ in range(2)))
    assert len({pk for pk, _ in started}) == 1
    assert sorted(is_new for _, is_new in started) == [False, True]


async def test_a_tag_names_what_is_stored_with_it():
    await (await start_and_execute(ALL)).arefresh_from_db()
    category = await Post.objects.values_list("category_id", flat=True).afirst()
    tag = f"category:{category}:posts"
    await invalidate([tag])
    run = await start_and_execute(Choice(tags=(tag,)))
    assert (run.state, run.failed, run.message) == (State.DONE, 0, "")
    assert 0 < run.warmed < 60
    run = await start_and_execute(Choice(tags=("nobody:has:it",)))
    assert (run.planned, "no stored entry has the tag" in run.message) == (0, True)


async def start_and_execute(choice: Choice) -> WarmRun:
    run = await start(choice)
    assert await execute(run.pk)
    return await again(run)


async def test_stale_names_what_is_stored_and_not_fresh_any_more():
    await start_and_execute(Choice(names=("post",)))
    await expire([f"post:{pk}:page" async for pk in Post.objects.values_list("pk", flat=True)[:3]])
    await expire(["resource:post"])
    run = await start_and_execute(Choice(stale=True, names=("post", "comments")))
    assert (run.warmed, run.fresh) == (12, 0)


async def test_a_pattern_names_pages_by_path_and_entries_by_name():
    gate, run = Gate(), await start(Choice(patterns=("/posts/post-?/", "post:post,post-1*")))
    await execute(run.pk, by=gate)
    paths = [key.partition("testserver")[2] for key in gate.warmed if "testserver" in key]
    assert sorted(paths) == sorted(f"/posts/post-{number}/" for number in range(10))
    entries = {key.partition(":")[2] for key in gate.warmed if "testserver" not in key}
    assert entries == {f"post,post-{number}" for number in (1, 10, 11)}


async def test_the_oldest_runs_are_pruned_and_no_active_one(monkeypatch):
    monkeypatch.setattr("content.warming.runs.MOST_KEPT", {False: 3, True: 1})
    for number in range(6):
        run = await start(Choice(top=number + 1))
        await WarmRun.objects.filter(pk=run.pk).aupdate(state=State.DONE if number else State.QUEUED)
    await sync_to_async(prune_runs)()
    left = [run async for run in WarmRun.objects.order_by("pk")]
    assert [run.choice["top"] for run in left] == [1, 4, 5, 6]


async def test_the_worker_of_runs_works_within_its_budget_and_waits_while_warming_is_paused():
    run, switch = await start(Choice(urls=("/posts/post-3/",))), Switch()
    control = LoadControl(most=1)
    await RunQueue(control, switch).work()
    ended = await again(run)
    assert (ended.state, ended.done, ended.failed) == (State.DONE, ended.planned, 0)
    assert {name.split()[2] for name in control.times} >= {"post", "page"}


async def test_a_run_of_a_release_without_workers_is_adopted_and_begins_anew(monkeypatch):
    monkeypatch.setattr(run_queue, "LOOK", 0.0)
    run = await start(ALL)
    old = timezone.now() - timedelta(seconds=run_queue.ADOPTED_AFTER - 5)
    await WarmRun.objects.filter(pk=run.pk).aupdate(release="before", created_at=old, warmed=5, planned=7)
    queue = RunQueue(LoadControl(), Switch())
    await queue.work()
    assert (await again(run)).release == "before"
    await WarmRun.objects.filter(pk=run.pk).aupdate(created_at=old - timedelta(seconds=10))
    await queue.work()
    ended = await again(run)
    assert (ended.state, ended.release != "before", ended.done) == (State.DONE, True, ended.planned)


async def test_what_cannot_be_steered_says_why():
    run = await start_and_execute(Choice(urls=("/posts/post-3/",)))
    for act, words in ((cancel_run, "is done: only one that is queued"), (resume_run, "only one that is paused")):
        with pytest.raises(SteeringError, match=words):
            await sync_to_async(act)(run)
    with pytest.raises(SteeringError, match="has no failure to retry"):
        await sync_to_async(retry_run)(run)


async def test_a_run_without_a_worker_says_so():
    run = await start(ALL)
    await WarmRun.objects.filter(pk=run.pk).aupdate(created_at=timezone.now() - timedelta(minutes=1))
    assert "No worker has taken it" in await sync_to_async(summarize_run)(await again(run))
    assert (await describe(run))["silent"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"names": ["psot"]}, "Did you mean post"),
        ({"urls": ["http://elsewhere.example/"]}, "is no page of this site"),
        ({"urls": ["http://testserver:99/"]}, "Readers of this site do not use http://testserver:99"),
        ({"urls": ["/posts/none/"]}, "There is no public post"),
        ({"urls": ["/" + "a" * 500]}, "at most 400 characters"),
        ({"urls": ["/\x00"]}, "is no page that can be warmed"),
        ({"urls": ["http://[/"]}, "is no page of this site"),
        ({"top": -1}, "--top -1: from 1"),
        ({"top": "many"}, "Expected `int | null`"),
        ({"tags": ["a" * 5000]}, "tag"),
        ({"names": ["post"] * 1001}, "at most 1,000"),
        ({"nonsense": 1}, "unknown field"),
        ({"failed_of": 1}, "retried by a run's own retry"),
        ({"log": "access.log"}, "is read by"),
        ([], "Expected `object`"),
    ],
)
async def test_bad_input_has_a_clear_answer(data, words):
    with pytest.raises(ChoiceError, match=words):
        await check_choice(read_choice(data))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://testserver/posts/post-3/", "/posts/post-3/"),
        ("http://testserver", "/"),
        ("/?page=2", "/?page=2"),
        ("/tags/green/feed.xml", "/tags/green/feed.xml"),
        ("/archive/", "/archive/"),
    ],
)
async def test_an_address_of_this_site_is_accepted(url, path):
    assert (await check_choice(Choice(urls=(url,)))).urls == (path,)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_lease")
async def test_a_run_of_a_hundred_thousand_targets_keeps_none_of_them_in_its_row(monkeypatch):
    """It is cancelled, resumed and taken over. Nothing is loaded: this is about the targets."""
    monkeypatch.setattr("tests.support.warm_runs.warm", pretend)
    await Post.objects.all().adelete()
    await sync_to_async(make_many)(15_000)
    run, first, second, third = await start(ALL), Gate(stop_before=10), Gate(stop_before=12), Gate()
    task = await execute_until(run, first)
    await sync_to_async(cancel_run)(run)
    first.is_open.set()
    assert await task
    cancelled = await again(run)
    assert cancelled.planned > 100_000
    assert len(msgspec.json.encode([cancelled.checkpoint, cancelled.choice])) < 8_000
    await sync_to_async(resume_run)(run)
    task = await execute_until(run, second)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await execute(run.pk, by=third)
    ended = await again(run)
    assert (ended.state, ended.done, ended.skipped, ended.takeovers) == (State.DONE, cancelled.planned, 0, 1)
    assert len({*first.warmed, *second.warmed, *third.warmed}) == ended.planned
    # What was behind the last checkpoint was done again, twice.
    assert sum(len(each.warmed) for each in (first, second, third)) <= ended.planned + 2 * 4_000


async def pretend(plan, *, margin, progress) -> Report:
    return Report(warmed=len(plan))


def make_many(count: int) -> None:
    now = timezone.now()
    Post.objects.bulk_create(
        Post(slug=f"many-{number}", title="Many", status="published", published_at=now - timedelta(minutes=number))
        for number in range(count)
    )
