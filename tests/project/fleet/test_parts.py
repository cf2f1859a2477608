"""Parts of a fleet start, run again if killed, obey orders, and end without leftovers: here its two Redis."""

from collections.abc import AsyncIterator

import pytest

from project.fleet.control import read_state
from project.fleet.fleet import Fleet, is_listening
from project.fleet.layout import Layout
from project.fleet.parts import stores
from project.fleet.programs import find_programs
from project.fleet.render import render_all
from project.supervision import CannotStart
from project.supervisor.terminal import ColourTerminal
from tests.support.fleet import fleet_folder, free_block
from tests.support.running_process import command_line
from tests.support.servers.process import absent
from tests.support.wait import wait_until_async

NAMES = ("redis-cache", "redis-log")


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    try:
        programs = find_programs()
    except CannotStart as error:
        absent(str(error))
    with fleet_folder() as folder:
        layout = Layout(folder / "state", folder / "run", free_block())
        render_all(layout, programs["openssl"])
        layout.run.mkdir(exist_ok=True)
        running = Fleet(layout, programs, ColourTerminal())
        try:
            await running.start_parts([part for part in stores(layout, programs) if part.name in NAMES])
            yield running
        finally:
            await running.stop_everything()


def pids(fleet: Fleet) -> dict[str, int]:
    """Process ids of the parts that are up, as other commands read them."""
    return dict(read_state(fleet.layout.state)["pids"])


async def test_a_killed_part_runs_again_and_a_stopped_one_does_not(fleet):
    before = pids(fleet)
    await fleet.obey(["kill", "redis-cache"])
    await wait_until_async(lambda: pids(fleet).keys() == before.keys() and pids(fleet) != before, "it runs again")
    assert (await fleet.obey(["stop", "redis-log"]))["redis-log"] == "stopped"
    assert not is_listening(fleet.layout.port_of("redis-log"))
    assert (await fleet.obey(["start", "redis-log"]))["redis-log"] == "running"
    with pytest.raises(CannotStart, match="Not an order: burn redis-log"):
        await fleet.obey(["burn", "redis-log"])


async def test_a_fleet_that_ends_leaves_no_process_port_or_file(fleet):
    processes = {pid: command_line(pid) for pid in pids(fleet).values()}
    assert all(is_listening(fleet.layout.port_of(name)) for name in NAMES)
    assert (fleet.layout.state / "fleet.json").exists()
    await fleet.stop_everything()
    assert {pid for pid, line in processes.items() if command_line(pid) == line} == set()
    assert not any(is_listening(fleet.layout.port_of(name)) for name in NAMES)
    assert not (fleet.layout.state / "fleet.json").exists()
    assert not fleet.layout.run.exists()
