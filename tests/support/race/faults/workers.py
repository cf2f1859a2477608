"""Faults of the processes that refresh behind readers."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.support.race.faults.fault import Fault, Scene, sqlite
from tests.support.servers.redis import running_redis

READER: dict[str, Any] = {}
WORKER = {"is_worker": True}


def one_redis(stack: ExitStack) -> Scene:
    return Scene(stack.enter_context(running_redis()).url, sqlite(stack), stack)


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """The last process is the worker. It had said that it is there a moment ago."""
    scene.processes[-1].kill()
    yield


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    os.kill(scene.processes[-1].pid, signal.SIGSTOP)
    yield
    os.kill(scene.processes[-1].pid, signal.SIGCONT)


@contextmanager
def nothing(scene: Scene) -> Iterator[None]:
    """How many there are is the fault."""
    yield


ONE = {"one_load": True, "one_run": True}
FAULTS = (
    Fault("worker killed", one_redis, killed, own_options=(READER, READER, WORKER), **ONE),
    # A load whose lease lapsed is replaced.
    Fault("worker stopped", one_redis, stopped, own_options=(READER, READER, WORKER), one_run=True),
    Fault("no worker", one_redis, nothing, **ONE),
    Fault("two workers", one_redis, nothing, own_options=(READER, READER, WORKER, WORKER), **ONE),
)
