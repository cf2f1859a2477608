"""The demand of a load: the rate of each driver times its unit cost."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from project.capacity.costs import Amounts, Costs, RateCosts, RecordCosts
from project.capacity.load import Load
from project.capacity.quantities import Driver, Quantity

MB = 1024.0**2
CPU = tuple(quantity for quantity in Quantity if quantity.is_cpu)
# Documents and pages live so long, and are made again then (docs/lifetimes.md).
DAY = 86_400.0
# Seconds between two rounds of the control loop over the site: ten times as long as a round, within these bounds.
PAUSE, SHORTEST, LONGEST = 10.0, 2.0, 20.0
# The hot set, whose headers it reads so often beside (docs/warming.md).
HOT, HOT_EVERY = 5_000.0, 10.0
# The log keeps so many records, and 16 bytes for each of so many tags that have left it.
RECORDS, TAGS, TAG = 2_000, 2_000_000, 16
# Connections of PostgreSQL that a process of the site, and a worker with its two, open at most (docs/scaling.md).
WEB_CONNECTIONS, WORKER_CONNECTIONS = 33, 66


@dataclass(frozen=True)
class Demand:
    """`amounts`: of all processes together. `records`: of the log, a second. Memory in bytes; connections at most."""

    amounts: Amounts
    records: float
    web_memory: float
    worker_memory: float
    cache_memory: float
    log_memory: float
    database_connections: float
    cache_connections: float
    log_connections: float


def demand_of(load: Load, costs: Costs) -> Demand:
    sizes = costs.sizes
    process = sizes.web_process + min(load.memory * MB, load.items * sizes.item_in_process)
    processes = {Driver.WEB_PROCESS: load.web_processes, Driver.WORKER: load.workers}
    return Demand(
        amounts_of(load, costs),
        records=load.edits * costs.edit_records,
        web_memory=load.web_processes * process,
        worker_memory=load.workers * sizes.worker,
        cache_memory=sizes.cache + load.items * sizes.item_in_cache,
        log_memory=sizes.log + RECORDS * sizes.record + min(TAGS, load.items) * TAG,
        database_connections=WEB_CONNECTIONS * load.web_processes + WORKER_CONNECTIONS * load.workers,
        cache_connections=sum(count * costs.cache_connections[each] for each, count in processes.items()),
        log_connections=sum(count * costs.log_connections[each] for each, count in processes.items()),
    )


def amounts_of(load: Load, costs: Costs) -> dict[Quantity, float]:
    rates = rates_of(load, costs)
    amounts = record_amounts(load, costs)
    # The web processes share the hits. A 304 counts as a hit.
    processes = load.web_processes
    add(amounts, amounts_at(rates[Driver.PAGE_HIT] / processes, costs.hits), processes)
    add(amounts, amounts_at(rates[Driver.PAGE_MADE], costs.pages), 1.0)
    for driver, rate in rates.items():
        add(amounts, costs.drivers.get(driver, {}), rate)
    return amounts


def add(amounts: dict[Quantity, float], costs: Amounts, times: float) -> None:
    for quantity, cost in costs.items():
        amounts[quantity] += times * cost


def amounts_at(rate: float, measured: Sequence[RateCosts]) -> Amounts:
    """The use of so many a second together."""
    return {
        quantity: interpolate([(each.rate, each.amounts.get(quantity, 0.0)) for each in measured], rate)
        for quantity in Quantity
    }


def rates_of(load: Load, costs: Costs) -> dict[Driver, float]:
    """Rates a second. Processes and viewers count as they are."""
    at_web = load.reads * load.at_web
    round_seconds = load.items * cpu_of(Driver.PLAN, costs) + max(0.0, load.items - HOT) * cpu_of(Driver.SCAN, costs)
    pages = costs.edit_pages if load.edit_pages is None else load.edit_pages
    return {
        Driver.SITE: 1,
        Driver.WEB_PROCESS: load.web_processes,
        Driver.WORKER: load.workers,
        Driver.NGINX_READ: load.reads,
        Driver.VARNISH_READ: load.reads * load.at_varnish,
        Driver.VARNISH_FETCH: at_web,
        Driver.PAGE_HIT: at_web * (1 - load.from_redis - load.misses),
        Driver.REDIS_HIT: at_web * load.from_redis,
        Driver.MISS: at_web * load.misses,
        Driver.EDIT: load.edits,
        Driver.PAGE_MADE: load.edits * pages + load.pages / DAY,
        Driver.PLAN: load.items / between_rounds(round_seconds),
        Driver.SCAN: headers_read(load.items, round_seconds),
        Driver.VIEWER: load.viewers,
    }


def cpu_of(driver: Driver, costs: Costs) -> float:
    """Seconds, of all parts."""
    return sum(costs.drivers[driver].get(each, 0.0) for each in CPU)


def between_rounds(took: float) -> float:
    """Seconds from one round of the control loop over the site to the next, if each takes `took` seconds."""
    return took + min(max(SHORTEST, PAUSE * took), LONGEST)


def headers_read(items: float, took: float) -> float:
    """Headers that the control loop reads a second: of the hot set, and of the others in rounds of `took` seconds."""
    return min(items, HOT) / HOT_EVERY + max(0.0, items - HOT) / between_rounds(took)


def record_amounts(load: Load, costs: Costs) -> dict[Quantity, float]:
    """The records of the edits: each is appended once, and read by each process that follows the log."""
    rate = load.edits * costs.edit_records

    def amount(quantity: Quantity, of: Callable[[RecordCosts], Amounts]) -> float:
        return interpolate([(each.rate, of(each).get(quantity, 0.0)) for each in costs.records], rate)

    return {
        quantity: amount(quantity, lambda each: each.fixed)
        + load.web_processes * amount(quantity, lambda each: each.web_process)
        + load.workers * amount(quantity, lambda each: each.worker)
        for quantity in Quantity
    }


def interpolate(measured: Sequence[tuple[float, float]], rate: float) -> float:
    """Straight lines between the measured points, from 0; the last one goes on. More does not cost less."""
    points = [(0.0, 0.0)]
    for at, amount in measured:
        points.append((at, max(points[-1][1], amount)))
    place = min(max(1, bisect_left(points, (rate,))), len(points) - 1)
    (left, low), (right, high) = points[place - 1], points[place]
    return low + (high - low) * (rate - left) / (right - left)
