"""The guard of a process: how many WebSockets it lets in."""

import pytest

from content.ops.live.guard import MOST_A_USER, MOST_LOOKUPS, MOST_OPEN, Guard, Refusal
from content.ops.live.viewer import Viewer
from content.ops.live.visitor import Visitor

ANN = Visitor("session", 1, "Ann", "login", True)


async def send(message: object) -> None:
    pass


@pytest.fixture
def guard() -> Guard:
    """It has looked up Ann already."""
    guard = Guard(clock=lambda: 0.0)
    guard.known["session"] = 0.0, ANN
    return guard


async def refused_with(guard: Guard, session: str = "session") -> int:
    with pytest.raises(Refusal) as refusal:
        await guard.identify(session)
    return refusal.value.status


async def test_a_full_process_refuses_everybody(guard):
    guard.open = {Viewer({}, send, ANN) for _ in range(MOST_OPEN - 1)}
    assert await guard.identify("session") == ANN
    guard.open.add(Viewer({}, send, ANN))
    assert await refused_with(guard) == 503


async def test_a_user_with_too_many_is_refused(guard):
    guard.users[ANN.user] = MOST_A_USER - 1
    assert await guard.identify("session") == ANN
    guard.users[ANN.user] += 1
    assert await refused_with(guard) == 429


async def test_strangers_cannot_fill_the_database_with_lookups(guard):
    guard.lookups = dict.fromkeys(map(str, range(MOST_LOOKUPS)))
    assert await refused_with(guard, "another") == 503
