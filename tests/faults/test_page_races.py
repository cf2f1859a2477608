"""Pages of two server processes: a herd, races, and each fault, with the checker."""

import asyncio
from pathlib import Path

import pytest

from tests.support.race.checker import Findings
from tests.support.race.course import Course, create_registers
from tests.support.race.faults import FAULTS, workers
from tests.support.race.faults.fault import Fault
from tests.support.race.history import Load, Run, read_history
from tests.support.race.pages.race import OPTIONS, race_pages_with_fault
from tests.support.race.pages.readers import PageResponse, get
from tests.support.race.pages.server import serving

pytestmark = pytest.mark.long

NOTHING = Fault("nothing", workers.redis_scene, workers.leave_alone, during=0.0, one_load=True, one_run=True)


def test_i2_a_cold_herd_of_two_thousand_runs_the_application_once(fresh_redis, tmp_path: Path):
    course = Course(fresh_redis, f"sqlite:///{tmp_path}/race.sqlite3", options=OPTIONS | {"takes": 1.0})
    create_registers(course)

    async def herd(port: int) -> list[PageResponse]:
        return await asyncio.gather(*(get(port, "/row/0") for _ in range(2000)))

    with serving(course, tmp_path) as server:
        told = asyncio.run(herd(server.port))
    assert {each.status for each in told} == {200}
    assert {each.process for each in told} == {int(path.stem.rpartition("-")[2]) for path in server.journals}
    assert [type(each) for each in read_history(server.journals)] == [Load, Run]


def test_i1_pages_of_two_processes_are_never_stale_as_fresh():
    outcome = race_pages_with_fault(NOTHING)
    findings = outcome.findings
    assert findings.total == 0, findings.examples
    assert outcome.reader_errors == []
    # It did race.
    assert findings.reads > 1000
    assert findings.writes > 30
    assert 10 < len(findings.all_runs) < findings.reads / 10


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_i5_what_fails_behind_a_page_is_no_readers_error(fault: Fault):
    outcome = race_pages_with_fault(fault)
    findings = outcome.findings
    assert outcome.reader_errors == []
    assert findings.total == 0, findings.examples
    # A Redis that evicts its log ends an epoch with it, and every page is made anew.
    assert len(findings.all_runs) < findings.reads / 5
    assert outcome.recovered < float("inf")
    if fault.name in ("worker stopped", "two workers"):
        assert loads_of_workers(findings)


def loads_of_workers(findings: Findings) -> list[Load]:
    """Loads of processes that serve no reader."""
    answering = {read.process for read in findings.all_reads}
    return [load for load in findings.all_loads if load.process not in answering]
