"""Unit costs, as `python -m tests.benchmarks.capacity --write` has measured them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from project.capacity.quantities import Driver, Quantity

FILE = Path(__file__).with_name("costs.json")
Amounts = Mapping[Quantity, float]


class Conditions(msgspec.Struct, frozen=True):
    """Where and when the costs were measured. `load`: the load averages of the machine before and after."""

    day: str
    cpu: str
    cores: int
    load: tuple[float, float]
    python: str
    redis: str
    postgresql: str


class RecordCosts(msgspec.Struct, frozen=True):
    """Costs a second of `rate` records of the log a second: the append, and each process that follows the log.

    At a higher rate a process reads several records at once, so a record costs less.
    """

    rate: float
    fixed: Amounts
    web_process: Amounts
    worker: Amounts


class RateCosts(msgspec.Struct, frozen=True):
    """Use a second of `rate` things a second. The cost of one depends on the rate.

    A web process that serves more hits from memory sleeps less often between two requests, and reports more reads of
    a page as one number. Workers that make more pages again take more at once, and check a smaller share of them.
    """

    rate: float
    amounts: Amounts


class Sizes(msgspec.Struct, frozen=True):
    """Bytes. Entries in the memory of a process are not counted in its size."""

    web_process: float
    worker: float
    item_in_process: float
    item_in_cache: float
    cache: float
    log: float
    record: float


class Costs(msgspec.Struct, frozen=True):
    """`drivers`: of one of each, a second if it lasts. `hits`: of one web process. `pages`: made again by workers.

    `edit_records`, `edit_pages`: records, and stale pages, that an edit makes.
    """

    conditions: Conditions
    drivers: Mapping[Driver, Amounts]
    hits: tuple[RateCosts, ...]
    pages: tuple[RateCosts, ...]
    records: tuple[RecordCosts, ...]
    edit_records: float
    edit_pages: float
    sizes: Sizes
    cache_connections: Mapping[Driver, float]
    log_connections: Mapping[Driver, float]


def read_costs(file: Path = FILE) -> Costs:
    return msgspec.json.decode(file.read_bytes(), type=Costs)
