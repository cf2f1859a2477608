import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis

from tests.support.servers.process import is_free
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.wait import wait_until

SLOTS = 16384
# Nodes talk to each other on a port that is so much higher. Both are below those that connections take by chance.
BUS = 10_000
PORTS = range(11_000, 22_000)


@dataclass
class Cluster:
    """Masters that share the slots evenly."""

    nodes: list[RedisServer]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def is_whole(self) -> bool:
        for node in self.nodes:
            with node.client() as client:
                state = client.execute_command("CLUSTER INFO")
            if state["cluster_state"] != "ok" or int(state["cluster_known_nodes"]) != len(self.nodes):
                return False
        return True

    def slots_of(self, number: int) -> range:
        """The slots that the node has at first."""
        share = -(-SLOTS // len(self.nodes))
        return range(number * share, min((number + 1) * share, SLOTS))

    def move(self, slot: int, giver: RedisServer, taker: RedisServer) -> None:
        """Move a slot with its keys while clients use it, by the steps of the Redis Cluster specification."""
        with giver.client() as source, taker.client() as target:
            giver_id, taker_id = (client.execute_command("CLUSTER MYID").decode() for client in (source, target))
            target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giver_id)
            source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taker_id)
            while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                source.execute_command("MIGRATE", "127.0.0.1", taker.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
            for node in (target, source):
                node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taker_id)


@contextmanager
def running_cluster(size: int = 3) -> Iterator[Cluster]:
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        nodes = [stack.enter_context(running_redis(*options, port=port)) for port in free_ports(size)]
        cluster = Cluster(nodes)
        for number, node in enumerate(nodes):
            with node.client() as client:
                client.execute_command("CLUSTER ADDSLOTS", *cluster.slots_of(number))
                client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
        # It takes two seconds at least, by which masters that have just started hold back.
        wait_until(cluster.is_whole, "the cluster is whole", pause=0.1)
        yield cluster


def key_slot(client: redis.Redis, key: str) -> int:
    return int(client.execute_command("CLUSTER KEYSLOT", key))


def free_ports(count: int) -> list[int]:
    chosen = random.sample(PORTS, len(PORTS))
    return [port for port in chosen if is_free(port) and is_free(port + BUS)][:count]
