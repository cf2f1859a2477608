"""Guards taken out so that a race shows it, and the workload and the property that do."""

from dataclasses import dataclass

from tests.support.race.checker import Findings
from tests.support.race.workloads import BUSY, QUIET, SELDOM, Workload

CACHING = "content/caching"


@dataclass(frozen=True)
class Sabotage:
    """What stands in the file, what stands there without the guard, and what the checker must find then."""

    guard: str
    file: str
    code: str
    without: str
    workload: Workload
    found: str

    def __str__(self) -> str:
        return self.guard

    def shown_by(self, findings: Findings) -> bool:
        return any(name.startswith(self.found) for name in findings.counts)


SABOTAGES = [
    Sabotage(
        "position noted before the load",
        f"{CACHING}/loads.py",
        "            found, collected = await self.loaded(state, resource, wants, making, old)\n",
        "            found, collected = await self.loaded(state, resource, wants, making, old)\n"
        "            begun = await self.engine.ordering.begin()\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "map before tail",
        f"{CACHING}/log/ledger.py",
        "                known = self.last[record.kind]\n",
        "                known, self.tail = self.last[record.kind], record.position\n"
        "                time.sleep(0.005)\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "contiguous tail: an own append jumps nothing",
        f"{CACHING}/log/log.py",
        "        self.appended(nonce)\n        await self.caught_up(position)\n",
        "        self.appended(nonce)\n        self.ledger.tail = position\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "two slots a tag",
        f"{CACHING}/log/ledger.py",
        "                    known[tag] = record.position\n",
        "                    [other.pop(tag, None) for other in self.last.values()]\n"
        "                    known[tag] = record.position\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "write-through after the own record",
        f"{CACHING}/log/log.py",
        "        self.appended(nonce)\n        await self.caught_up(position)\n",
        "        self.appended(nonce)\n        self.ledger.let_go(nonce)\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "stale children",
        f"{CACHING}/loads.py",
        "if begun is not None and not collected.stale else None",
        "if begun is not None else None",
        BUSY,
        "I1",
    ),
    Sabotage(
        "a stale part is said on",
        f"{CACHING}/loads.py",
        "return answer.as_stale() if collected.stale else answer",
        "return answer",
        BUSY,
        "I1",
    ),
    Sabotage(
        "no joining of a load from before",
        f"{CACHING}/engine.py",
        "if flight is not None and (flight.stamp is None or self.ordering.covers(flight.stamp)):",
        "if flight is not None:",
        BUSY,
        "I1",
    ),
    Sabotage(
        "verdicts at all",
        f"{CACHING}/log/ledger.py",
        "            if tag in held or invalidated.get(tag, NOWHERE) > position:\n",
        "            if tag in held:\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "the lease",
        f"{CACHING}/shared.py",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True) if answer]",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True)]",
        QUIET,
        "I2",
    ),
    Sabotage(
        "stale ends",
        f"{CACHING}/engine.py",
        "if answer.verdict is not Verdict.INVALID and now < header.stale_until:",
        "if answer.verdict is not Verdict.INVALID:",
        SELDOM,
        "I3",
    ),
]
