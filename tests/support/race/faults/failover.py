"""Faults of more than one Redis: another takes over, and not all is as it was."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.race.faults.fault import Fault, Scene, sqlite
from tests.support.servers.cluster import Cluster, running_cluster
from tests.support.servers.process import wait_until
from tests.support.servers.sentinel import Watched, running_sentinels


@dataclass
class Sentinels(Scene):
    watched: Watched


@dataclass
class Clustered(Scene):
    cluster: Cluster


def sentinels(stack: ExitStack) -> Sentinels:
    watched = stack.enter_context(running_sentinels(down_after=500))
    return Sentinels(watched.url, sqlite(stack), stack, watched=watched)


def clustered(stack: ExitStack) -> Clustered:
    cluster = stack.enter_context(running_cluster())
    return Clustered(cluster.url, sqlite(stack), stack, cluster=cluster)


@contextmanager
def promoted_with_lost_records(scene: Sentinels) -> Iterator[None]:
    """The replica is kept from following, the master goes on for half a second, and is killed."""
    master = scene.watched.master
    with master.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-psync")
        client.client_kill_filter(_type="replica")
        time.sleep(0.5)
    master.process.kill()
    master.process.wait()
    wait_until(lambda: scene.watched.master_port() == scene.watched.replica.port, "the replica is promoted")
    yield


@contextmanager
def slots_moved(scene: Clustered) -> Iterator[None]:
    """All that the log's node holds goes to the next node, slot by slot, while it is read and written."""
    nodes = scene.cluster.nodes
    with nodes[0].client() as client:
        log_slot = client.execute_command("CLUSTER KEYSLOT", "{race:log}")
    giver = next(node for number, node in enumerate(nodes) if log_slot in scene.cluster.slots_of(number))
    taker = nodes[(nodes.index(giver) + 1) % len(nodes)]
    with giver.client() as client:
        filled = {client.execute_command("CLUSTER KEYSLOT", key) for key in client.scan_iter(count=1000)} | {log_slot}
    for slot in sorted(filled):
        scene.cluster.move(slot, giver, taker)
    yield


FAULTS = (
    Fault("Sentinel promotes, records lost", sentinels, promoted_with_lost_records, during=6.0, by_log=False),
    Fault("Cluster slots moved", clustered, slots_moved),
)
