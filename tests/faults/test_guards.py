"""Each guard is taken out of a copy of the code, and a test must notice: what nothing misses guards nothing."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sabotaged import TakenOut, copy_of_the_project
from tests.support.service import clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CACHING = "content/caching"
TESTS = "tests/content/caching"


@dataclass(frozen=True)
class Guard(TakenOut):
    """With the test that misses it."""

    test: str
    chosen: str


GUARDS = [
    Guard(
        "rule 1: appended after the commit",
        "content/invalidation/commit.py",
        "transaction.on_commit(lambda: deliver(row))",
        "deliver(row)",
        "tests/content/invalidation",
        "rule_1",
    ),
    Guard(
        "rule 2: the position is noted before the load",
        f"{CACHING}/loads.py",
        "        found, collected = await self.loader_run(state, resource, flights, making)\n",
        "        found, collected = await self.loader_run(state, resource, flights, making)\n"
        "        begun = await self.engine.ordering.begin()\n",
        f"{TESTS}/test_resource.py",
        "overtook and redis",
    ),
    Guard(
        "rule 2: the map is written before the tail moves",
        f"{CACHING}/log/ledger.py",
        "                known = self.last[record.kind]\n",
        "                known, self.tail = self.last[record.kind], record.position\n",
        f"{TESTS}/test_protocol.py",
        "rule_2",
    ),
    Guard(
        "rule 3: an own append does not move the tail",
        f"{CACHING}/log/log.py",
        "        wait_for(self.consumption(position))\n",
        "        self.ledger.tail = position\n",
        f"{TESTS}/test_protocol.py",
        "rule_3",
    ),
    Guard(
        "rule 4: two slots a tag",
        f"{CACHING}/log/ledger.py",
        "                    known[tag] = record.position\n",
        "                    [other.pop(tag, None) for other in self.last.values()]\n"
        "                    known[tag] = record.position\n",
        f"{TESTS}/test_protocol.py",
        "rule_4",
    ),
    Guard(
        "rule 5: tags of the old and of the new state",
        "content/invalidation/post_facts.py",
        "def changed_tags(",
        "def changed_tags(before, after):\n"
        "    return all_tags(None, after) if after else all_tags(before, after)\n\n\ndef all_tags(",
        "tests/content/invalidation",
        "rule_5",
    ),
    Guard(
        "rule 6: write-through begins behind its own record",
        f"{CACHING}/log/log.py",
        "        self.appended(nonce)\n        await self.caught_up(position)\n",
        "        self.appended(nonce)\n        self.ledger.let_go(nonce)\n",
        TESTS,
        "rule_6 or (at_once and redis) or i1_nor or rule_13",
    ),
    Guard(
        "rule 7: what was made of a stale part is not stored",
        f"{CACHING}/loads.py",
        "if begun is not None and not collected.stale else None",
        "if begun is not None else None",
        f"{TESTS}/test_invariants.py",
        "rule_7",
    ),
    Guard(
        "rule 8: silence ends freshness",
        f"{CACHING}/log/ledger.py",
        "SILENCE = 1.0",
        "SILENCE = 1e9",
        TESTS,
        "rule_8 or without_word",
    ),
    Guard(
        "rule 8: the poll is a write",
        f"{CACHING}/lua/poll.lua",
        "redis.call('HDEL', KEYS[3], '')",
        "",
        f"{TESTS}/test_protocol.py",
        "rule_8_nor_is_a_replica",
    ),
    Guard(
        "rule 9: what was refused is held",
        f"{CACHING}/log/log.py",
        "            self.unsent[nonce] = (kind, tags)\n",
        "            self.ledger.let_go(nonce)\n",
        f"{TESTS}/test_invariants.py",
        "the_log_refuses",
    ),
    Guard(
        "rule 10: forgetting raises the floor",
        f"{CACHING}/log/ledger.py",
        "        self.floor = max(self.floor, known[oldest[-1]])\n",
        "",
        f"{TESTS}/test_protocol.py",
        "rule_10_what",
    ),
    Guard(
        "rule 11: the gap check",
        f"{CACHING}/lua/poll.lua",
        "known = #redis.call('XRANGE', KEYS[1], tail, tail) == 1",
        "known = true",
        f"{TESTS}/test_protocol.py",
        "rule_11",
    ),
    Guard(
        "rule 11: the snapshot",
        f"{CACHING}/lua/append.lua",
        "redis.call('HSET', KEYS[3], fields['k'] .. tag, oldest[index][1])",
        "",
        f"{TESTS}/test_protocol.py",
        "rule_10_who",
    ),
    Guard(
        "rule 12: the epoch changes with the server",
        f"{CACHING}/lua/poll.lua",
        "nonce .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')",
        "nonce .. ':always'",
        f"{TESTS}/test_protocol.py",
        "rule_12",
    ),
    Guard(
        "rule 15: transactions that have written go past the cache",
        f"{CACHING}/transactions.py",
        "    return any(\n",
        "    return False and any(\n",
        "tests/content/invalidation/test_transactions.py",
        "rule_15",
    ),
    Guard(
        "rule 16: no joining of a load from before",
        f"{CACHING}/engine.py",
        "if flight is not None and (flight.stamp is None or self.ordering.covers(flight.stamp)):",
        "if flight is not None:",
        f"{TESTS}/test_invariants.py",
        "rule_16",
    ),
    Guard(
        "I2: the lease",
        f"{CACHING}/shared.py",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True) if answer]",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True)]",
        f"{TESTS}/test_stampede.py",
        "i2",
    ),
    Guard(
        "I2: one flight a key and process",
        f"{CACHING}/engine.py",
        "        flight = state.flights.get(want.key)\n        if flight is not None and (",
        "        flight = None\n        if flight is not None and (",
        f"{TESTS}/test_stampede.py",
        "i2_ten_thousand_callers_of_one",
    ),
    Guard(
        "I3: stale ends",
        f"{CACHING}/engine.py",
        "if answer.verdict is not Verdict.INVALID and now < header.stale_until:",
        "if answer.verdict is not Verdict.INVALID:",
        f"{TESTS}/test_invariants.py",
        "i3",
    ),
    Guard(
        "I4: stale is served at once",
        f"{CACHING}/engine.py",
        "if answer.verdict is not Verdict.INVALID and now < header.stale_until:",
        "if False:",
        f"{TESTS}/test_invariants.py",
        "i4",
    ),
    Guard(
        "I5: a cache that fails is no error",
        f"{CACHING}/failsafe.py",
        "            self.complain(error)\n            return fallback",
        "            raise",
        f"{TESTS}/test_tiers.py",
        "always_fails and redis",
    ),
    Guard(
        "I5: the breaker",
        f"{CACHING}/breaker.py",
        "        return self.failures >= FAILURES",
        "        return False",
        f"{TESTS}/test_tiers.py",
        "asked_seldom and redis",
    ),
    Guard(
        "I6: the last good value when loading fails",
        f"{CACHING}/loads.py",
        "        if flight.kept is not None and self.engine.keepable_for_errors(flight.kept):\n",
        "        if False:\n",
        f"{TESTS}/test_invariants.py",
        "i6_a_loader",
    ),
    Guard(
        "I6: never what was invalidated",
        f"{CACHING}/engine.py",
        "        return answer.verdict is not Verdict.INVALID and self.clock() < answer.header.error_until",
        "        return self.clock() < answer.header.error_until",
        f"{TESTS}/test_invariants.py",
        "i6_never",
    ),
    Guard(
        "I6: not each reader asks again",
        f"{CACHING}/pauses.py",
        "        return key in self.pauses and self.clock() < self.pauses[key][0]",
        "        return False",
        f"{TESTS}/test_invariants.py",
        "i6_a_loader",
    ),
    Guard(
        "I9: unreadable bytes are a miss",
        f"{CACHING}/entry.py",
        "        raise Unreadable(str(error)) from error",
        "        raise",
        f"{TESTS}/test_tiers.py",
        "i9_garbage and redis",
    ),
    Guard(
        "I9: another format is a miss",
        f"{CACHING}/entry.py",
        " or stored[0] != FORMAT:",
        ":",
        f"{TESTS}/test_entry.py",
        "i9",
    ),
    Guard(
        "I10: no pickle",
        f"{CACHING}/checks.py",
        'if "pickle" in str(serializer).lower():',
        "if False:",
        f"{TESTS}/test_checks.py",
        "each_setting",
    ),
    Guard(
        "I11: a future for each reader",
        f"{CACHING}/flight.py",
        "        waiter: asyncio.Future[Answer] = self.loop.create_future()\n",
        "        waiter = self.waiters[0] if self.waiters else self.loop.create_future()\n",
        f"{TESTS}/test_invariants.py",
        "i11",
    ),
    Guard(
        "I12: fencing",
        f"{CACHING}/lua/store.lua",
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end",
        "",
        f"{TESTS}/test_invariants.py",
        "i12",
    ),
    Guard(
        "I12: leases end",
        f"{CACHING}/shared.py",
        "    return max(1, int(seconds * 1000))",
        "    return 600_000",
        f"{TESTS}/test_stampede.py",
        "i12",
    ),
    Guard(
        "I14: memory is bounded",
        f"{CACHING}/memory.py",
        "        while self.bytes > self.capacity and self.nodes:",
        "        while False:",
        f"{TESTS}/test_invariants.py",
        "i14",
    ),
    Guard(
        "I14: loads are bounded",
        f"{CACHING}/loading.py",
        "        if self.slots.locked() and self.waiting >= self.most_waiting:",
        "        if False:",
        f"{TESTS}/test_invariants.py",
        "past_the_bound",
    ),
    Guard(
        "due set: readers do not depend on workers",
        f"{CACHING}/refreshing.py",
        "        await self.here(state, want, seen, reason)\n",
        "        return\n",
        f"{TESTS}/test_due.py",
        "worker_that_died",
    ),
    Guard(
        "I8: what is made for somebody is not kept",
        f"{CACHING}/edge/fetch.py",
        'return "personal" if self.is_personal and self.edge.profile.visible_fields is not None else None',
        "return None",
        f"{TESTS}/edge/test_hostile.py",
        "public",
    ),
    Guard(
        "I8: who says who they are goes past the edge",
        f"{CACHING}/edge/exchange.py",
        "        elif self.edge.profile.is_personal(self.request.fields):\n            await self.personal()\n",
        "",
        f"{TESTS}/edge/test_hostile.py",
        "i8",
    ),
    Guard(
        "the application sees nothing that the key does not know",
        f"{CACHING}/edge/fetch.py",
        "if profile.visible_fields is not None and not self.is_personal:",
        "if False:",
        f"{TESTS}/edge/test_hostile.py",
        "poisoning",
    ),
    Guard(
        "rule 16: nobody joins a page that was begun before",
        f"{CACHING}/edge/exchange.py",
        'if "no-cache" in self.request.directives or not self.edge.shelf.covers(flight.begun):',
        'if "no-cache" in self.request.directives:',
        f"{TESTS}/edge/test_collapsing.py",
        "after_an_invalidation",
    ),
    Guard(
        "I2: a second look after the lease of a page",
        f"{CACHING}/edge/fetch.py",
        "            if found.replaces(self.old):\n",
        "            if False:\n",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i2",
    ),
    Guard(
        "I1: a page in memory is judged again when the log has moved",
        f"{CACHING}/engine.py",
        "held.verdict, held.version = self.ordering.judge_now(held.header), version",
        "held.version = version",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i1",
    ),
    Guard(
        "I1: a page that was made of a stale part is not called fresh",
        f"{CACHING}/edge/fetch.py",
        "kept=not collected.stale, stale=collected.stale",
        "kept=not collected.stale",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i1_what_was_made",
    ),
    Guard(
        "I1: what has expired meanwhile is no answer for whoever waited",
        f"{CACHING}/edge/found.py",
        " or self.held.verdict is not Verdict.VALID",
        "",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i1_whoever_waited",
    ),
    Guard(
        "I2: behind a page that was begun before, one run for all",
        f"{CACHING}/edge/exchange.py",
        'shared = "no-cache" not in self.request.directives',
        "shared = False",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i2_a_write",
    ),
    Guard(
        "a page of a part that stays stale is not made for each reader",
        f"{CACHING}/edge/fetch.py",
        "            pauses.begin(self.key, failed=False, brief=is_heard)\n",
        "",
        f"{TESTS}/edge/test_engine_tiers.py",
        "whose_part_stays_stale",
    ),
    Guard(
        "I12: no lease outlives a page that was not stored",
        f"{CACHING}/edge/shelf.py",
        "                await self.release(key, token)\n",
        "                pass\n",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i12_a_lease",
    ),
    Guard(
        "I12: leases in doubt are let go, readers or none",
        f"{CACHING}/failsafe.py",
        "            self.rounds = self.begin(self.let_go_in_rounds())\n",
        "            pass\n",
        f"{TESTS}/test_tiers.py",
        "i12_a_lease_in_doubt and redis",
    ),
    Guard(
        "I1: a plain hit asks what the log has ended",
        f"{CACHING}/edge/hits.py",
        "if answer is None or answer.verdict is not VALID or not engine.ordering.is_heard:",
        "if answer is None or not engine.ordering.is_heard:",
        f"{TESTS}/edge/test_engine_tiers.py",
        "i1",
    ),
    Guard(
        "I1: a plain hit asks whether the log is heard",
        f"{CACHING}/edge/hits.py",
        "if answer is None or answer.verdict is not VALID or not engine.ordering.is_heard:",
        "if answer is None or answer.verdict is not VALID:",
        f"{TESTS}/edge/test_engine_tiers.py",
        "silent",
    ),
    Guard(
        "I3: a plain hit is fresh",
        f"{CACHING}/edge/hits.py",
        "if is_stale and (now >= ready.stale_until or not self.edge.is_making(ready.key)):",
        "if False:",
        f"{TESTS}/edge/test_rfc9111.py",
        "section_4_2",
    ),
    Guard(
        "I3: a plain hit that is made again has a time as well",
        f"{CACHING}/edge/hits.py",
        "if is_stale and (now >= ready.stale_until or not self.edge.is_making(ready.key)):",
        "if is_stale and not self.edge.is_making(ready.key):",
        f"{TESTS}/edge/test_extensions.py",
        "rfc5861_section_3",
    ),
    Guard(
        "what is stale is made again, whoever reads it",
        f"{CACHING}/edge/hits.py",
        "if is_stale and (now >= ready.stale_until or not self.edge.is_making(ready.key)):",
        "if is_stale and now >= ready.stale_until:",
        f"{TESTS}/edge/test_extensions.py",
        "rfc5861_section_3",
    ),
    Guard(
        "I8: somebody's request is no plain one",
        f"{CACHING}/edge/asking.py",
        "if profile.is_personal(fields) or ",
        "if ",
        f"{TESTS}/edge/test_hostile.py",
        "i8 or personal or cookie",
    ),
    Guard(
        "I8: a hit does not overtake the answer that is owed",
        f"{CACHING}/edge/protocol.py",
        "if self.is_in_message or self.pipeline or (cycle is not None and not cycle.response_complete):",
        "if self.is_in_message:",
        f"{TESTS}/edge/test_edge_protocol.py",
        "",
    ),
    Guard(
        "CDN: what an invalidation overtook is not kept there",
        f"{CACHING}/edge/shelf.py",
        "return ordering.judge_now(Header(0, 0, 0, 0, True, 0, tags, begun)) is Verdict.VALID",
        "return True",
        f"{TESTS}/edge/test_cdn.py",
        "overtook",
    ),
    Guard(
        "CDN: what is stale is not kept there",
        f"{CACHING}/edge/exchange.py",
        "((told.ttl or 0) <= 0 or not self.edge.shelf.still_holds(begun, tags))",
        "not self.edge.shelf.still_holds(begun, tags)",
        f"{TESTS}/edge/test_cdn.py",
        "stale",
    ),
    Guard(
        "CDN: a stale plain hit is not kept there",
        f"{CACHING}/edge/ready.py",
        "return not page.vary and profile.cdn is None",
        "return not page.vary",
        f"{TESTS}/edge/test_cdn.py",
        "stale",
    ),
    Guard(
        "CDN: what was confirmed for one reader is not kept there",
        f"{CACHING}/edge/fetch.py",
        "headers = not_to_be_kept(answer.pairs, profile)",
        "headers = answer.pairs",
        f"{TESTS}/edge/test_cdn.py",
        "confirmed",
    ),
    Guard(
        "CDN: the mark moves behind the second purge",
        "content/cdn/follower.py",
        "            self.tail = order.position\n            self.repeat(order)\n",
        "            self.tail = order.position\n"
        "            await self.place.write(Mark(self.epoch, order.position))\n",
        "tests/content/cdn",
        "crosses or twice",
    ),
    Guard(
        "CDN: and behind what it has confirmed",
        "content/cdn/follower.py",
        "            await self.carry_out(order)\n            self.tail = order.position\n",
        "            await self.place.write(Mark(self.epoch, order.position))\n"
        "            await self.carry_out(order)\n            self.tail = order.position\n",
        "tests/content/cdn",
        "killed or away",
    ),
    Guard(
        "CDN: a gap ends everything",
        "content/cdn/follower.py",
        "        await self.carry_out(order)\n        self.epoch, self.tail = epoch, tail\n",
        "        self.epoch, self.tail = epoch, tail\n",
        "tests/content/cdn/test_follower.py",
        "gap",
    ),
    Guard(
        "CDN: whoever has lost the lease stops",
        "content/cdn/follower.py",
        "        if not self.is_ours:\n            raise LeaseLost\n",
        "",
        "tests/content/cdn/test_follower.py",
        "lease",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return copy_of_the_project(tmp_path_factory.mktemp("guards"))


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_a_guard_that_is_gone_is_missed(copy: Path, guard: Guard):
    with guard.of(copy):
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", guard.test, "-k", guard.chosen],
            cwd=copy,
            env=clean_environment() | {"PYTHONPATH": str(copy), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout[-3000:]
