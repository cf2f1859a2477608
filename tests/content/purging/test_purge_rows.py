"""Each purge leaves one row, whatever started it; and a database that is down stops none."""

import asyncio
import json
import subprocess
import threading
from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.utils import timezone
from redis import Redis

from content.caching import headers
from content.models import Purge
from content.purging import BadSelection, Selection, Trigger, describe_purge, read_selection, run_purge
from content.purging import row as rows
from project.caches import cache_settings
from tests.support.admin_site import act
from tests.support.caches import SESSIONS
from tests.support.operators import Operator, data_of
from tests.support.service import ROOT, environment_of
from tests.support.warm_python import run_warm
from workers import tasks

SOFT = {"soft": True, "trigger": Trigger.API}


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quiet_site")]


def purge_by_command(pk: int, client) -> None:
    call_command("purge_cache", "--group", f"post:{pk}", "--soft", stdout=StringIO())


def purge_by_task(pk: int, client) -> None:
    tasks.purge(groups=[f"post:{pk}"], soft=True, started_by="cron")


def purge_by_admin(pk: int, client) -> None:
    act(client, "post", "purge_selected", [pk], confirmed="yes")


def purge_by_api(pk: int, client) -> None:
    data_of(Operator().post("purge", {"groups": [f"post:{pk}"], "soft": True}))


def test_each_trigger_leaves_one_row_with_the_same_numbers(site, warm, posts, admin_client):
    rows = []
    for purge in (purge_by_command, purge_by_task, purge_by_admin, purge_by_api):
        warm()
        purge(posts[3].pk, admin_client)
        rows.append(describe_purge(Purge.objects.get(pk__gt=rows[-1]["id"] if rows else 0)))
    assert [row["trigger"] for row in rows] == ["command", "task", "admin", "api"]
    assert [row["started_by"] for row in rows][1:] == ["cron", "admin", "deploy"]
    assert "@" in rows[0]["started_by"]
    own = ("id", "trigger", "started_by", "created_at", "ended_at", "seconds")
    [numbers, *others] = [{name: value for name, value in row.items() if name not in own} for row in rows]
    assert others == [numbers] * 3
    assert numbers["plan"] == f"the group post:{posts[3].pk}"
    assert numbers["selection"] == {"groups": [f"post:{posts[3].pk}"]}
    assert (numbers["state"], numbers["soft"], numbers["named"]) == ("done", True, 1)
    assert sum(numbers["touched"].values()) == numbers["entries"] + numbers["pages"] == numbers["judged"]
    assert numbers["judged"] == numbers["ended"] > 0
    assert numbers["bytes"] > 0
    assert rows[0]["seconds"] >= 0


def test_a_row_says_what_the_outcome_says(site, posts):
    outcome = async_to_sync(run_purge)(Selection(names=("post_card",)), soft=False, trigger=Trigger.API).as_data()
    row = describe_purge(Purge.objects.get(pk=outcome["id"]))
    assert {name: outcome[name] for name in outcome.keys() & row.keys()}.items() <= row.items()
    assert outcome["is_recorded"] is True


def test_the_admin_asks_with_the_numbers_that_the_purge_then_has(site, posts, admin_client):
    asked = act(admin_client, "post", "purge_selected", [posts[3].pk]).content.decode()
    assert not Purge.objects.exists()
    purge_by_admin(posts[3].pk, admin_client)
    row = Purge.objects.get()
    assert f"That is {row.entries} entries (" in asked
    assert f"{row.pages} pages, " in asked
    assert row.judged == row.entries + row.pages, "the question has purged nothing"


def test_a_dry_run_and_bad_input_leave_no_row(site, posts):
    call_command("purge_cache", "--all", "--dry-run", stdout=StringIO())
    assert tasks.purge(everything=True, dry_run=True)["is_done"] is False
    with pytest.raises(CommandError, match="Nothing was purged"):
        call_command("purge_cache", "--group", "category:nwes", stdout=StringIO())
    assert not Purge.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Nothing is named"),
        ({"tags": "post:42"}, "no selection of what to purge: Expected `array`"),
        ({"tags": [7]}, "Expected `str`"),
        ({"everything": "yes"}, "Expected `bool`"),
        ({"groups": ["category:nwes"]}, "Did you mean category:news"),
        ({"tags": ["a"] * 1001}, "1,001 things are named"),
        ({"patterns": ["a\0b"]}, "has a character that is no text"),
        ({"urls": ["/\udc80/"]}, "has a character that is no text"),
    ],
)
def test_a_task_with_bad_input_fails_with_words(site, arguments, message):
    with pytest.raises(BadSelection, match=message):
        tasks.purge(**arguments)
    assert not Purge.objects.exists()


def test_what_is_not_stored_is_a_message_of_the_row(site):
    assert tasks.purge(patterns=["/nowhere/*"])["is_done"] is False
    row = Purge.objects.get()
    assert (row.state, row.message) == ("done", "Nothing is stored of the pattern /nowhere/*.")


def test_a_purge_whose_process_dies_has_a_row_that_says_so(site, monkeypatch):
    async def die(tags: list[str]) -> None:
        raise SystemExit

    monkeypatch.setattr("content.purging.run.expire", die)
    with pytest.raises(SystemExit):
        async_to_sync(run_purge)(Selection(names=("post",)), **SOFT)
    row = Purge.objects.get()
    assert (row.state, row.ended_at) == ("running", None)
    assert row.entries > 0
    assert describe_purge(row)["message"] == ""
    row.created_at = timezone.now() - timedelta(seconds=rows.LOST_AFTER + 1)
    assert "has not reported its end" in describe_purge(row)["message"]


def test_a_purge_that_other_processes_may_miss_is_a_failure(settings, monkeypatch):
    monkeypatch.setattr(headers, "FIRST_READ", 0.1)
    settings.CACHES = {"default": cache_settings("redis://127.0.0.1:1/0", "", 1024 * 1024, {}), "sessions": SESSIONS}
    with pytest.raises(CommandError, match="Some processes may still serve"):
        call_command("purge_cache", "--tag", "posts", stdout=StringIO())
    row = describe_purge(Purge.objects.get())
    assert (row["state"], row["touched"], row["judged"]) == ("failed", None, 0)
    assert row["message"].startswith("Some processes may still serve what was purged")


def test_the_newest_rows_are_kept(monkeypatch, settings):
    monkeypatch.setattr(rows, "MOST_KEPT", 3)
    for number in range(5):
        async_to_sync(run_purge)(Selection(tags=(f"tag {number}",)), **SOFT)
    assert [row.selection["tags"] for row in Purge.objects.all()] == [["tag 4"], ["tag 3"], ["tag 2"]]


def test_a_large_selection_is_stored_in_part_and_counted():
    tags = tuple(f"{'x' * 400}{number}" for number in range(1000))
    async_to_sync(run_purge)(Selection(tags=tags), **SOFT)
    row = describe_purge(Purge.objects.get())
    assert (row["named"], row["tag_count"], len(row["tags"])) == (1000, 1000, rows.MOST_TAGS)
    assert len(json.dumps(row["selection"])) < rows.MOST_BYTES
    assert row["plan"].endswith("…, 22 more of this kind, and 975 more")


def test_a_row_that_another_program_has_spoilt_can_be_described():
    assert "no selection" in describe_purge(Purge(selection={"tags": 7}))["plan"]
    with pytest.raises(BadSelection):
        read_selection(["post:42"])


# --- while the database is down ----------------------------------------------------------------------------


async def test_a_silent_database_does_not_keep_a_purge_back(site, monkeypatch, caplog):
    answers, save_row = threading.Event(), rows.PurgeRow.save_row

    def save_late(self: rows.PurgeRow) -> None:
        answers.wait(60)
        save_row(self)

    monkeypatch.setattr(rows, "PATIENCE", 0.01)
    monkeypatch.setattr(rows.PurgeRow, "save_row", save_late)
    outcome = await run_purge(Selection(names=("post",)), **SOFT, started_by="ann\nINFO: forged")
    assert (outcome.is_done, outcome.is_recorded, outcome.id) == (True, False, None)
    assert outcome.judged == outcome.ended > 0
    [line] = [each for each in caplog.messages if "not recorded" in each]
    assert line.startswith("Soft purge of the resource post by ann?INFO: forged: done. It is not recorded")
    answers.set()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=60)


def run_command(site: str, folder, *words: str) -> subprocess.CompletedProcess[str]:
    """With a database that refuses."""
    environment = environment_of(folder) | {
        "REDIS_URL": site,
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
        "EVERGREEN_CACHE_PREFIX": caches["default"].key_prefix,
        "SECRET_KEY": "for tests only",
    }
    return run_warm([ROOT / "manage.py", "purge_cache", *words], environment)


def records_in_log(site: str) -> int:
    """Records that end `posts`, in the log of any prefix."""
    with Redis.from_url(site) as client:
        records = [record for key in client.keys("*:log}") for _, record in client.xrange(key)]
    return sum("posts" in str(record) for record in records)


def test_without_a_database_the_command_purges_and_says_that_it_is_not_recorded(site, tmp_path):
    before = records_in_log(site)
    done = run_command(site, tmp_path, "--tag", "posts", "--soft")
    assert done.returncode == 0, done.stderr
    assert "Done: they are served as stale" in done.stdout
    assert "This purge is not recorded, since the database did not answer." in done.stderr
    assert "Soft purge of the tag posts by " in done.stderr
    assert "OperationalError" in done.stderr
    assert records_in_log(site) == before + 1
    assert not Purge.objects.exists()


def test_without_a_database_a_group_is_refused_with_what_to_write(site, tmp_path):
    done = run_command(site, tmp_path, "--group", "category:7")
    assert done.returncode == 2
    assert (
        "The database does not answer (OperationalError), so it is not known which row a group names." in done.stderr
    )
    assert "--tag category:7 --tag category:7:posts" in done.stderr
