"""Races with a checker: what the engine promises holds, and without any of its guards the checker says so."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.test_guards import GUARDS
from tests.support.mutation import Mutation, copy_project
from tests.support.race.checker import check
from tests.support.race.course import Course, run_race
from tests.support.race.history import Load, Read, Run, Write
from tests.support.race.propagation import measure_propagation
from tests.support.race.sabotage import SABOTAGES, Sabotage
from tests.support.race.workloads import BUSY, PREFORK, QUIET, SPECIAL, SYNC, WATCHED, WORKLOADS, Workload
from tests.support.servers.cluster import running_cluster
from tests.support.service import ROOT

pytestmark = pytest.mark.long


@pytest.fixture
def race_database(postgres_server) -> Iterator[str]:
    """The URL of a PostgreSQL database of the race's own."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE race")
        yield f"{postgres_server.rpartition('/')[0]}/race"
        connection.execute("DROP DATABASE race WITH (FORCE)")


def sqlite_in(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    return f"sqlite:///{folder / 'race.sqlite3'}"


def test_a_short_race_finds_nothing(fresh_redis, tmp_path):
    findings = BUSY.run(fresh_redis, sqlite_in(tmp_path), seconds=2)
    assert findings.total == 0, findings.examples
    assert findings.failures == []
    assert_raced(findings)
    assert 0 < findings.stale < findings.reads


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_every_way_of_writing_in_a_short_race(request, fresh_redis, tmp_path, database):
    url = sqlite_in(tmp_path) if database == "sqlite" else request.getfixturevalue("race_database")
    findings = WATCHED.run(fresh_redis, url, seconds=2)
    assert findings.total == 0, findings.examples
    assert findings.failures == []
    assert_raced(findings)


def assert_raced(findings):
    """Fail if it did not race: in four seconds two cores with a load of 70 reached 221 reads and 20 writes."""
    assert findings.reads > 50
    assert findings.writes > 5


def test_another_process_hears_of_every_invalidation(fresh_redis):
    taken = measure_propagation(fresh_redis, 100)
    assert 0 < taken.median <= taken.p99 <= taken.longest < 10


def test_the_checker_finds_what_it_is_shown(fresh_redis, tmp_path):
    """A history that no engine should write."""
    written = Write(1, 1.0, 1.1, row=0, value=5, kind="invalidate", position=(7, 0))
    old = Read(2, 1.2, 1.3, row=0, value=4, made_at=1.2, stale=False, tail=(7, 0))
    assert check([written, old], 1.0).counts == {"I1 by the log, taken down": 1, "I1 by the log, stale as fresh": 1}
    unaware = Read(2, 1.2, 1.3, row=0, value=4, made_at=1.2, stale=False, tail=(6, 9))
    assert check([written, unaware], 1.0).total == 0
    much_later = Read(2, 9.0, 9.1, row=0, value=4, made_at=9.0, stale=False, tail=(6, 9))
    assert check([written, much_later], 1.0).counts == {"I1 a second later, stale as fresh": 1}
    own = Read(1, 1.2, 1.3, row=0, value=4, made_at=1.2, stale=True, tail=(6, 9))
    assert check([written, own], 1.0).counts == {"I1 in the own process, taken down": 1}
    too_old = Read(2, 9.0, 9.1, row=1, value=0, made_at=7.0, stale=True, tail=(6, 9))
    assert check([too_old], 1.0).counts == {"I3 nothing past its stale time": 1}
    assert check([Load(1, 1.0, 2.0, 0), Load(2, 1.5, 2.5, 0)], 1.0).counts == {"I2 one load at a time": 1}
    assert check([Load(1, 1.0, 2.0, 0), Load(2, 2.1, 2.5, 0)], 1.0).total == 0
    runs = [Run(1, 1.0, 2.0, 0, "row"), Run(2, 1.5, 2.5, 0, "row"), Run(2, 1.5, 2.5, 0, "plain")]
    assert check(runs, 1.0).counts == {"I2 one run of a page at a time": 1}


@pytest.mark.parametrize("removed", [*SABOTAGES, *GUARDS], ids=str)
def test_each_guard_stands_where_the_lists_say(removed: Mutation):
    """Else it is not removed, and nothing is shown by what misses it."""
    assert (ROOT / removed.file).read_text().count(removed.code) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workload", [*WORKLOADS, *SPECIAL], ids=lambda workload: workload.name)
def test_each_workload_on_sqlite(fresh_redis, tmp_path, workload: Workload):
    """A minute of each; of those that are for one guard, a third."""
    seconds = 60 if workload in WORKLOADS else 20
    findings = workload.run(fresh_redis, sqlite_in(tmp_path), seconds=seconds, processes=4)
    assert findings.total == 0, findings.examples
    assert [failure for failure in findings.failures if failure.what not in workload.may_fail] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workload", [BUSY, SYNC, PREFORK, WATCHED], ids=lambda workload: workload.name)
def test_a_minute_on_postgresql(fresh_redis, race_database, workload: Workload):
    findings = workload.run(fresh_redis, race_database, seconds=60, processes=4)
    assert findings.total == 0, findings.examples
    assert findings.failures == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workload", [BUSY, QUIET], ids=lambda workload: workload.name)
def test_half_a_minute_in_a_cluster(tmp_path, workload: Workload):
    with running_cluster() as cluster:
        findings = workload.run(cluster.url, sqlite_in(tmp_path), seconds=30, processes=4)
    assert findings.total == 0, findings.examples
    assert findings.failures == []
    assert findings.reads > 10_000


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("sabotage"))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=str)
def test_without_a_guard_the_checker_finds_it(fresh_redis, tmp_path, copy: Path, sabotage: Sabotage):
    with sabotage.apply(copy):
        # Some are rare: three attempts.
        found = any(
            sabotage.is_shown_by(sabotage.workload.run(fresh_redis, sqlite_in(tmp_path / str(attempt)), 8, code=copy))
            for attempt in range(3)
        )
    assert found


def test_a_race_says_what_went_wrong(tmp_path):
    """Without Redis writers get errors, and readers do not."""
    findings = run_race(Course("redis://127.0.0.1:1/0", sqlite_in(tmp_path), seconds=2, processes=1), by_clock=False)
    assert {failure.what for failure in findings.failures} == {"write"}
    assert findings.reads > 10
