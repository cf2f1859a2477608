"""Each Redis that the site uses: version, eviction, memory, persistence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.backends import RedisCache
from content.caching.backends.server import Server, server_at
from content.caching.engines import log_server
from content.ops.state.queues import server_of_broker
from project.doctor.finding import Finding, error, ok, skipped, warning

OLDEST = (6, 2)
# Shares of maxmemory.
NEARLY_FULL, FULL = 0.8, 0.95
# An eviction there makes every entry invalid, or loses tasks.
LASTING = frozenset({"log", "broker"})
# Messages of the channel layer last for seconds: an eviction there only delays what a dashboard shows.
UNEVICTED = LASTING | {"channels"}


@dataclass
class Instance:
    """One running Redis, with all that the site keeps there."""

    address: str
    roles: list[str]
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"The Redis at {self.address} ({', '.join(self.roles)})"

    @property
    def policy(self) -> str:
        return str(self.info.get("maxmemory_policy", "noeviction"))

    @property
    def limit(self) -> int:
        return int(self.info.get("maxmemory", 0))

    @property
    def evicts_any(self) -> bool:
        return self.policy.startswith("allkeys") and bool(self.limit)

    @property
    def is_lasting(self) -> bool:
        return bool(LASTING.intersection(self.roles))


def servers() -> Iterator[tuple[str, Server]]:
    """The servers by role. A cache in another kind of store has none."""
    for alias in settings.CACHES:
        cache = caches[alias]
        if isinstance(cache, RedisCache):
            yield {"default": "cache"}.get(alias, alias), cache.servers[0]
    if server := log_server("default"):
        yield "log", server
    if server := server_of_broker(settings.CACHE_TIMEOUT):
        yield "broker", server
    if settings.CHANNELS_URL:
        yield "channels", server_at(settings.CHANNELS_URL, timeout=settings.CACHE_TIMEOUT)


def address_of(server: Server) -> str:
    parts = urlsplit(server.url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def check_redis() -> Iterator[Finding]:
    instances: dict[str, Instance] = {}
    failures: dict[str, Instance] = {}
    reasons: dict[str, str] = {}
    for role, server in servers():
        address = address_of(server)
        if address in failures:
            failures[address].roles.append(role)
            continue
        try:
            info = read_info(server)
        except (RedisError, OSError, ValueError) as failure:
            failures[address] = Instance(address, [role])
            reasons[address] = f"{type(failure).__name__}: {failure}"
            continue
        # The same server may be known by two addresses.
        known = instances.setdefault(str(info.get("run_id", address)), Instance(address, [], info))
        known.roles += [role] if role not in known.roles else []
    for address, instance in failures.items():
        yield unreachable(instance, reasons[address])
    for instance in instances.values():
        yield from check_instance(instance)
    if not instances and not failures:
        yield skipped("The site uses no Redis.")


def read_info(server: Server) -> dict[str, Any]:
    """INFO of the server; of a cluster, that of one node."""
    with server.sync_client() as client:
        info: dict[str, Any] = client.info()
        return next(iter(info.values())) if server.cluster and isinstance(next(iter(info.values())), dict) else info


def unreachable(instance: Instance, reason: str) -> Finding:
    return error(
        f"{instance.name} does not answer ({reason.rstrip('.')}).",
        "Readers get what each process has in memory, then what it loads. No task runs if it is the broker, and no "
        "dashboard is live if it has the channels.",
        "Start it, or check REDIS_URL, CACHE_URL, CELERY_BROKER_URL and EVERGREEN_CHANNELS_URL with their passwords.",
    )


def check_instance(instance: Instance) -> Iterator[Finding]:
    found = [
        *check_version(instance),
        *check_eviction(instance),
        *check_memory(instance),
        *check_persistence(instance),
    ]
    yield from found
    version = instance.info.get("valkey_version") or instance.info.get("redis_version")
    if not found:
        used = int(instance.info.get("used_memory", 0)) >> 20
        limit = f"of {instance.limit >> 20} MB" if instance.limit else "MB without a bound"
        yield ok(f"{instance.name} is {version}: {used} {limit}, {instance.policy}.")


def check_version(instance: Instance) -> Iterator[Finding]:
    version = str(instance.info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        yield error(f"{instance.name} has version {version}.", "The site needs 6.2 or newer.", "Upgrade it.")


def check_eviction(instance: Instance) -> Iterator[Finding]:
    if not instance.evicts_any:
        return
    if instance.is_lasting:
        yield error(
            f"{instance.name} evicts any key ({instance.policy}).",
            "An evicted log makes every cached entry invalid at once; an evicted queue loses tasks.",
            "Set maxmemory-policy to noeviction, or to volatile-lru if entries are there too. Best are two servers.",
        )
    elif UNEVICTED.intersection(instance.roles):
        yield warning(
            f"{instance.name} evicts any key ({instance.policy}).",
            "Messages between processes may be lost: a live dashboard or an editor shows a change late.",
            "Let EVERGREEN_CHANNELS_URL name the Redis of log and broker, with noeviction.",
        )


def check_memory(instance: Instance) -> Iterator[Finding]:
    used = int(instance.info.get("used_memory", 0))
    if not instance.limit:
        yield warning(
            f"{instance.name} has no maxmemory.",
            "It grows until the system kills a process.",
            "Set maxmemory; docs/scaling.md says how much.",
        )
    elif instance.policy == "noeviction" and used > instance.limit * NEARLY_FULL:
        make = error if used > instance.limit * FULL else warning
        yield make(
            f"{instance.name} uses {used >> 20} of {instance.limit >> 20} MB, and does not evict.",
            "When it is full it refuses writes: invalidations wait in the writers' processes.",
            "Raise maxmemory.",
        )


def check_persistence(instance: Instance) -> Iterator[Finding]:
    info = instance.info
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or info.get("aof_last_write_status", "ok") != "ok":
        yield error(
            f"{instance.name} could not write its data to disk.",
            "By its default it refuses writes until it can.",
            "Check its disk, and the rights of its folder.",
        )
    elif instance.is_lasting and not int(info.get("aof_enabled", 0)):
        yield warning(
            f"{instance.name} has no append-only file.",
            "A restart loses the log or the queue: each entry is loaded again once, waiting tasks are lost.",
            "Set appendonly yes for the Redis of log and broker.",
        )
