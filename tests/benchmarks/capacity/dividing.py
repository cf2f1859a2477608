"""Divides measured costs: among web processes, workers and the rest, by leaving out a host, then a worker too; among
an edit, its records, and the pages that it makes stale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from project.capacity.costs import RateCosts, RecordCosts
from project.capacity.quantities import Driver, Quantity
from tests.benchmarks.capacity.phases import Rates, difference

# Web processes of a host, and of the whole fleet, and its workers.
PROCESSES, WEB_PROCESSES, WORKERS = 2, 4, 2
# A follower reads the log, and no other store.
LOG = (Quantity.LOG_CPU, Quantity.LOG_COMMANDS, Quantity.LOG_BYTES)
DATABASE = (Quantity.POSTGRES_CPU, Quantity.TRANSACTIONS)
# Which of the rates of records is measured without a host, too.
SPLIT = 1
Reached = tuple[float, Rates]


def divide_records(whole: Sequence[Reached], no_web: Rates, no_worker: Rates) -> tuple[RecordCosts, ...]:
    """At all rates a follower has the share that it has at the second. By rate: a busy machine reaches less."""
    at_split = whole[SPLIT][1]
    web, worker = difference(at_split, no_web, PROCESSES), difference(no_web, no_worker, 1)
    web = {each: value if each in LOG else 0.0 for each, value in web.items()}
    worker = {each: value if each in (Quantity.WORKER_CPU, *LOG) else 0.0 for each, value in worker.items()}
    # Only they use this.
    web[Quantity.WEB_CPU] = at_split[Quantity.WEB_CPU] / WEB_PROCESSES
    for each, total in at_split.items():
        # Noise must not make the parts more than the whole.
        if (parts := followers(each) * web[each] + WORKERS * worker[each]) > total > 0:
            web[each], worker[each] = web[each] * total / parts, worker[each] * total / parts
    by_rate = sorted(whole, key=itemgetter(0))
    return tuple(divide_at(reached, costs, at_split, web, worker) for reached, costs in by_rate)


def divide_at(reached: float, costs: Rates, at_split: Rates, web: Rates, worker: Rates) -> RecordCosts:
    """Amounts a second at that rate."""
    fixed, in_web, in_worker = {}, {}, {}
    for each, cost in costs.items():
        total = cost * reached
        share = total / at_split[each] if at_split[each] else 0.0
        in_web[each], in_worker[each] = web[each] * share, worker[each] * share
        fixed[each] = max(0.0, total - followers(each) * in_web[each] - WORKERS * in_worker[each])
    return RecordCosts(reached, fixed, in_web, in_worker)


def followers(quantity: Quantity) -> int:
    """Web processes, and for Redis the process that appends: it follows the log too."""
    return WEB_PROCESSES + (quantity.value.startswith(("cache_", "log_")))


@dataclass(frozen=True)
class Edits:
    """A phase of `rate` edits a second. The others are of an edit: records, pages made again, the processor time of
    the process that saved, and all that the parts used.
    """

    rate: float
    records: float
    pages: float
    writer_cpu: float
    costs: Rates

    def without_records(self, record: Rates) -> Rates:
        return {each: max(0.0, cost - self.records * record[each]) for each, cost in self.costs.items()}


def divide_edits(phases: Sequence[Edits], record: Rates, page_database: Rates) -> tuple[Rates, tuple[RateCosts, ...]]:
    """The use of an edit alone, and that of pages at the rates at which they were made again.

    `record` is the use of a record. `page_database`: what a page uses of the database, which edits alone hardly show.
    All else that an edit uses of workers and Redis is for its pages.
    """
    often = phases[-1]
    edit = often.without_records(record)
    # An editor saves by a web process.
    edit[Quantity.WEB_CPU] += often.writer_cpu
    edit |= {each: max(0.0, edit[each] - often.pages * page_database[each]) for each in DATABASE}
    return edit, tuple(pages_of(phase, record, page_database) for phase in phases)


def pages_of(phase: Edits, record: Rates, page_database: Rates) -> RateCosts:
    """Use a second."""
    rate = phase.rate * phase.pages
    used = {each: phase.rate * cost for each, cost in phase.without_records(record).items()}
    return RateCosts(rate, used | {each: rate * page_database[each] for each in DATABASE})


def remainder(rest: Rates, drivers: Mapping[Driver, Rates], numbers: Mapping[Driver, float]) -> Rates:
    """The rest without these."""
    return {
        each: max(0.0, value - sum(number * drivers[driver].get(each, 0.0) for driver, number in numbers.items()))
        for each, value in rest.items()
    }
