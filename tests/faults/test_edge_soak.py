"""EdgeProtocol under abuse for two minutes: every answer right, nothing grows, nothing is left open."""

import os
from asyncio import Runner
from pathlib import Path

import pytest
import uvloop

from tests.support.abuse.crowd import Crowd
from tests.support.abuse.footprint import growth
from tests.support.abuse.server import Server, serving
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SECONDS = float(os.environ.get("EDGE_SOAK_SECONDS", "120"))
# The share of responses that show an old page later than PROPAGATION after an edit.
LATE = 0.001
# A share of the resident memory, and descriptors, that the last quarter may have above the second.
MEMORY, DESCRIPTORS = 0.05, 20


def test_under_abuse_every_answer_is_right_and_nothing_grows(fresh_redis, tmp_path: Path):
    with serving(fresh_redis, tmp_path) as server:
        crowd = run_soak(server)
        wait_until(lambda: server.connections() == [], "every connection is over")
    print("\n" + totals_of(crowd))
    answers, late = crowd.judge.totals["answers"], crowd.judge.edits.late
    assert crowd.judge.wrong[:10] == []
    assert late <= answers * LATE
    assert server.log.read_text() == ""
    for footprint in crowd.footprints:
        memory, descriptors = growth(footprint.memory), growth(footprint.descriptors)
        assert memory.late <= memory.early * (1 + MEMORY)
        assert descriptors.late <= descriptors.early + DESCRIPTORS


def run_soak(server: Server) -> Crowd:
    crowd = Crowd(server.port, server.workers, SECONDS)
    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(crowd.run())
    return crowd


def totals_of(crowd: Crowd) -> str:
    """One line; memory in MB."""
    parts = [f"{name} {count}" for name, count in sorted(crowd.judge.totals.items())]
    for footprint in crowd.footprints:
        memory, descriptors = growth(footprint.memory), growth(footprint.descriptors)
        parts.append(f"memory {memory.early / 1e6:.1f} to {memory.late / 1e6:.1f}")
        parts.append(f"descriptors {descriptors.early:g} to {descriptors.late:g}")
    edits = crowd.judge.edits
    return ", ".join([*parts, f"late {edits.late}", f"longest lag {edits.longest_lag * 1000:.0f} ms"])
