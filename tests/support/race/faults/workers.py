"""Faults of the workers, which refresh while readers wait for nothing."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.support.race.faults.fault import Fault, Scene, sqlite
from tests.support.servers.redis import running_redis

READER: dict[str, Any] = {}
WORKER = {"is_worker": True}


def redis_scene(stack: ExitStack) -> Scene:
    return Scene(stack.enter_context(running_redis()).url, sqlite(stack), stack)


@contextmanager
def kill(scene: Scene) -> Iterator[None]:
    """Kill the last process, a worker that reported a moment ago."""
    scene.processes[-1].kill()
    yield


@contextmanager
def stop(scene: Scene) -> Iterator[None]:
    scene.processes[-1].send_signal(signal.SIGSTOP)
    yield
    scene.processes[-1].send_signal(signal.SIGCONT)


@contextmanager
def leave_alone(scene: Scene) -> Iterator[None]:
    """The number of workers is the fault."""
    yield


ONE: dict[str, Any] = {"one_load": True, "one_run": True}
FAULTS = (
    Fault("worker killed", redis_scene, kill, own_options=(READER, READER, WORKER), **ONE),
    # A load whose lease lapsed is replaced.
    Fault("worker stopped", redis_scene, stop, own_options=(READER, READER, WORKER), one_run=True),
    Fault("no worker", redis_scene, leave_alone, **ONE),
    Fault("two workers", redis_scene, leave_alone, own_options=(READER, READER, WORKER, WORKER), **ONE),
)
