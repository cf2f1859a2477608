"""The part that ends first, and at how many times the load."""

from collections.abc import Callable
from dataclasses import dataclass

from project.capacity.costs import Costs
from project.capacity.demand import MB, RECORDS, Demand, demand_of
from project.capacity.load import Load
from project.capacity.quantities import Quantity

# A part that is busier makes its clients wait.
FULL = 0.8
GIGABIT = 125_000_000.0
# `maxclients` of deploy/redis.
CLIENTS = 10_000
# Processes of a worker of deploy/systemd that load.
WORKER_PROCESSES = 2
# A larger factor is "no end".
LARGEST, STEPS = 1e6, 60


@dataclass(frozen=True)
class End:
    """`used`: of `most`, in `unit`. `factor`: times the reads and edits at which it ends; None: none ends it."""

    part: str
    used: float
    most: float
    unit: str
    factor: float | None
    then: str

    @property
    def share(self) -> float:
        return self.used / self.most


@dataclass(frozen=True)
class Limit:
    part: str
    unit: str
    used: Callable[[Load, Demand], float]
    most: Callable[[Load], float]
    then: str


def cpu(quantity: Quantity) -> Callable[[Load, Demand], float]:
    return lambda _load, demand: demand.amounts[quantity]


# Rows of watched models that PostgreSQL took a second on two cores, with their triggers (docs/measurements.md).
ROWS = 5_000

LIMITS = (
    Limit(
        "web processes",
        "cores",
        cpu(Quantity.WEB_CPU),
        lambda load: FULL * load.web_processes,
        "Start more web processes, on another host if the cores are busy. Let Varnish or a CDN answer more of the "
        "reads. Each process follows the log: against many edits more processes do not help.",
    ),
    Limit(
        "workers",
        "cores",
        cpu(Quantity.WORKER_CPU),
        lambda load: FULL * WORKER_PROCESSES * load.workers,
        "Start more workers. Until then changed pages are stale for longer, or readers wait for them. Write many "
        "rows by one statement: that is one record.",
    ),
    Limit(
        "Redis of the cache, one thread",
        "cores",
        cpu(Quantity.CACHE_CPU),
        lambda _load: FULL,
        "Give processes more EVERGREEN_MEMORY, so that fewer reads reach Redis. Then use a Redis Cluster.",
    ),
    Limit(
        "Redis of the log, one thread",
        "cores",
        cpu(Quantity.LOG_CPU),
        lambda _load: FULL,
        "Run fewer web processes, or write many rows by one statement. Give the log and the queue a Redis each: "
        "CELERY_BROKER_URL.",
    ),
    Limit(
        "network of the cache",
        "bytes/s",
        cpu(Quantity.CACHE_BYTES),
        lambda load: FULL * load.network * GIGABIT,
        "Give processes more EVERGREEN_MEMORY, or use a Redis Cluster.",
    ),
    Limit(
        "network of the log",
        "bytes/s",
        cpu(Quantity.LOG_BYTES),
        lambda load: FULL * load.network * GIGABIT,
        "Run fewer web processes: each gets each record.",
    ),
    Limit(
        "records that the log keeps for a second",
        "records/s",
        lambda _load, demand: demand.records,
        lambda _load: RECORDS,
        "A process that pauses for a second joins the log anew, and takes what it has for stale until then. Write "
        "many rows by one statement.",
    ),
    Limit(
        "rows that PostgreSQL writes",
        "rows/s",
        lambda _load, demand: demand.records,
        lambda _load: ROWS,
        "Write many rows by one statement, or give PostgreSQL more cores and a faster disk.",
    ),
    Limit(
        "memory of the cache",
        "bytes",
        lambda _load, demand: demand.cache_memory,
        lambda load: load.cache_memory * MB,
        "Raise maxmemory, or use a Redis Cluster. Until then the least read entries are evicted, and made when they "
        "are asked for.",
    ),
    Limit(
        "connections of PostgreSQL",
        "connections",
        lambda _load, demand: demand.database_connections,
        lambda load: load.database_connections - 10,
        "Put PgBouncer between (session pooling), or raise max_connections. Not all processes load at once; a load "
        "that gets no connection serves the stale page.",
    ),
    Limit(
        "connections of the cache's Redis",
        "connections",
        lambda _load, demand: demand.cache_connections,
        lambda _load: CLIENTS,
        "Raise maxclients, with the limit of open files.",
    ),
    Limit(
        "connections of the log's Redis",
        "connections",
        lambda _load, demand: demand.log_connections,
        lambda _load: CLIENTS,
        "Raise maxclients, with the limit of open files.",
    ),
)


def ends_of(load: Load, costs: Costs) -> list[End]:
    """The first end comes first."""
    demand = demand_of(load, costs)
    ends = [
        End(each.part, each.used(load, demand), each.most(load), each.unit, factor_of(each, load, costs), each.then)
        for each in LIMITS
    ]
    return sorted(ends, key=lambda end: (end.factor is None, end.factor or 0.0, -end.share))


def factor_of(limit: Limit, load: Load, costs: Costs) -> float | None:
    """0 if it has ended without a read and an edit. None if no load ends it."""

    def is_full(factor: float) -> bool:
        grown = load.times(factor)
        return limit.used(grown, demand_of(grown, costs)) > limit.most(load)

    if is_full(0.0):
        return 0.0
    if not is_full(LARGEST):
        return None
    low, high = 0.0, LARGEST
    for _ in range(STEPS):
        middle = (low * high) ** 0.5 if low else high / 2
        low, high = (low, middle) if is_full(middle) else (middle, high)
    return low
