"""Faults of more than one Redis: another one takes over, and some records are lost."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.race.faults.fault import Fault, Scene, sqlite
from tests.support.servers.cluster import Cluster, running_cluster
from tests.support.servers.sentinel import Watched, running_sentinels
from tests.support.wait import wait_until


@dataclass
class SentinelScene(Scene):
    watched: Watched


@dataclass
class ClusterScene(Scene):
    cluster: Cluster


def sentinel_scene(stack: ExitStack) -> SentinelScene:
    watched = stack.enter_context(running_sentinels(down_after=500))
    return SentinelScene(watched.url, sqlite(stack), stack, watched=watched)


def cluster_scene(stack: ExitStack) -> ClusterScene:
    cluster = stack.enter_context(running_cluster())
    return ClusterScene(cluster.url, sqlite(stack), stack, cluster=cluster)


@contextmanager
def promote_with_lost_records(scene: SentinelScene) -> Iterator[None]:
    """Stop the replication, let the master run for half a second, and kill it."""
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
def move_slots(scene: ClusterScene) -> Iterator[None]:
    """Move each used slot of the log's node to the next node, while processes read and write."""
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
    Fault("Sentinel promotes, records lost", sentinel_scene, promote_with_lost_records, during=6.0, by_log=False),
    Fault("Cluster slots moved", cluster_scene, move_slots),
)
