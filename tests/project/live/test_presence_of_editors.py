"""Editors of one post see each other over processes, and that somebody has saved."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest

from tests.support.live import live_site
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.long

SAVE = """
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from content.models import Post
from content.ops.live.editing import announce_save
import time
LogEntry.objects.log_actions(User.objects.get(username="bob").pk, [Post.objects.get(pk=POST)], CHANGE)
announce_save(POST)
time.sleep(0.5)
"""


def form(post: int, since: float | None = None) -> str:
    return f"/ops/presence/?post={post}&since={since if since is not None else time.time()}"


async def others_of(client, *names: str, twice: bool | None = None) -> dict:
    """The message that shows these, and, unless None, whether the same user has another window."""
    async with asyncio.timeout(60):
        while True:
            message = await client.next_of("editors")
            if message["others"] == list(names) and twice in (None, message["is_open_twice"]):
                return message


async def test_editors_in_all_processes_see_each_other_come_and_go(site):
    async with site.connect("ann", form(1)) as ann:
        await others_of(ann)
        async with AsyncExitStack() as stack:
            # So many that both processes have some.
            bobs = [await stack.enter_async_context(site.connect("bob", form(1))) for _ in range(6)]
            await stack.enter_async_context(site.connect("bob", form(2)))
            await others_of(ann, "Bob Ray")
            for bob in bobs:
                await others_of(bob, "Ann Lee", twice=True)
        await others_of(ann)


async def test_a_save_by_another_is_shown_at_once_and_one_before_the_form_is_not(site):
    await asyncio.to_thread(site.run, SAVE.replace("POST", "3"))
    async with site.connect("ann", form(3)) as ann, site.connect("bob", form(3)) as bob:
        assert (await others_of(ann, "Bob Ray"))["saved"] is None
        began = time.time()
        await asyncio.to_thread(site.run, SAVE.replace("POST", "3"))
        async with asyncio.timeout(60):
            while (saved := (await ann.next_of("editors"))["saved"]) is None:
                pass
            while (own := (await bob.next_of("editors"))["saved"]) is None:
                pass
        assert saved["by"] == "Bob Ray"
        assert began < saved["at"] < time.time()
        assert not saved["is_deletion"]
        assert own["by"] is None
    # As after a lost connection.
    async with site.connect("ann", form(3, began)) as ann:
        assert (await ann.next_of("editors"))["saved"]["by"] == "Bob Ray"


async def test_what_others_wrote_to_redis_is_no_editor(site):
    key, now = "{evergreen:live}:editors:4", time.time()
    wrong = {
        b"a": b"no json",
        b"b": json.dumps({"at": now - 60, "editors": [{"form": "x", "user": 71, "name": "Long gone"}]}),
        b"c": json.dumps({"at": now, "editors": [{"form": "x", "user": 72, "name": "x" * 1000}]}),
        b"d": json.dumps({"at": now, "editors": [{"form": "x", "user": "1", "name": "Text"}]}),
        b"e": b"x" * 100_000,
        b"f": json.dumps({"at": now, "editors": [{"form": "x", "user": 77, "name": "Right"}]}),
    }
    with site.redis.client() as redis:
        redis.hset(key, mapping=wrong)
        async with site.connect("ann", form(4)) as ann:
            await others_of(ann, "Right")
        redis.delete(key)
        redis.set(key, "no hash")
        async with site.connect("ann", form(4)) as ann, site.connect("bob", form(4)):
            await others_of(ann, "Bob Ray")
        redis.delete(key)
    assert "Traceback" not in site.service.terminal


async def test_editors_leave_no_trace_in_redis(site):
    with site.redis.client() as redis:
        async with site.connect("ann", form(5)) as ann:
            await others_of(ann)
            await wait_until_async(lambda: redis.exists("{evergreen:live}:editors:5"), "the editor is stored")
            assert 0 < redis.pttl("{evergreen:live}:editors:5") <= 15_000
        await wait_until_async(lambda: not redis.exists("{evergreen:live}:editors:5"), "the editor has left")


async def test_editors_of_one_process_see_each_other_without_redis(tmp_path):
    with live_site(tmp_path / "state", with_redis=False) as site:
        async with site.connect("ann", form(1)) as ann:
            await others_of(ann)
            async with site.connect("bob", form(1)) as bob:
                await others_of(ann, "Bob Ray")
                await others_of(bob, "Ann Lee")
            await others_of(ann)
