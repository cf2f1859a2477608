"""The unit costs as a table."""

from collections.abc import Iterator, Mapping

from rich.console import Console

from project.capacity.costs import Costs
from project.capacity.quantities import Driver, Quantity
from project.capacity.tables import new_table, sentence, size

NAMES = {
    Driver.SITE: "the rest, a second",
    Driver.WEB_PROCESS: "a web process at rest, a second",
    Driver.WORKER: "a worker at rest, a second",
    Driver.PLAN: "an entry planned by the control loop",
    Driver.SCAN: "a header read by the control loop",
    Driver.NGINX_READ: "a read by nginx",
    Driver.VARNISH_READ: "more, if it asks Varnish",
    Driver.VARNISH_FETCH: "more, if Varnish asks a web process",
    Driver.NOT_MODIFIED: "a 304 from memory",
    Driver.REDIS_HIT: "a hit in Redis",
    Driver.MISS: "a miss, with all that the page shows",
    Driver.EDIT: "an edit, without pages and followers",
    Driver.VIEWER: "an open dashboard, a second",
}
SHOWN = {
    Quantity.WEB_CPU: "web",
    Quantity.WORKER_CPU: "worker",
    Quantity.CACHE_CPU: "cache",
    Quantity.LOG_CPU: "log",
    Quantity.POSTGRES_CPU: "SQL",
    Quantity.CACHE_COMMANDS: "commands",
    Quantity.CACHE_BYTES: "bytes",
    Quantity.LOG_COMMANDS: "commands",
    Quantity.LOG_BYTES: "bytes",
    Quantity.TRANSACTIONS: "transactions",
}
PROXIES = (Driver.NGINX_READ, Driver.VARNISH_READ, Driver.VARNISH_FETCH)


def print_costs(console: Console, costs: Costs) -> None:
    console.print("Processor time of each part in µs. Then commands and bytes: of the cache's Redis, of the log's.\n")
    table = new_table("one", *SHOWN.values())
    for name, amounts in rows_of(costs):
        table.add_row(name, *(number(amounts.get(each, 0.0), each) for each in SHOWN))
    console.print(table)
    for line in (*lines_of(costs), sentence(costs.conditions)):
        console.print(line, highlight=False, soft_wrap=True)


def rows_of(costs: Costs) -> Iterator[tuple[str, Mapping[Quantity, float]]]:
    for driver, name in NAMES.items():
        if driver not in PROXIES:
            yield name, costs.drivers[driver]
    for words, measured in (
        ("a hit in memory, at {:,.0f}/s in a process", costs.hits),
        ("a page made again by workers, at {:,.0f}/s", costs.pages),
    ):
        for at in measured:
            yield words.format(at.rate), {quantity: amount / at.rate for quantity, amount in at.amounts.items()}
    for each in costs.records:
        rate = f"{each.rate:,.0f}/s"
        for name, amounts in (
            (f"a record of the log, at {rate}", each.fixed),
            ("  for each web process", each.web_process),
            ("  for each worker", each.worker),
        ):
            yield name, {quantity: amount / each.rate for quantity, amount in amounts.items()}


def lines_of(costs: Costs) -> Iterator[str]:
    for driver in PROXIES:
        nginx, varnish = (costs.drivers[driver].get(each, 0.0) for each in (Quantity.NGINX_CPU, Quantity.VARNISH_CPU))
        yield f"{NAMES[driver]}: nginx {1e6 * nginx:,.0f} µs, Varnish {1e6 * varnish:,.0f} µs."
    sizes = costs.sizes
    yield f"An edit is {costs.edit_records:.1f} records, and {costs.edit_pages:.1f} pages are made again."
    yield (
        f"Memory: a web process {size(sizes.web_process)} without entries, a worker with two processes "
        f"{size(sizes.worker)}; an entry or page {sizes.item_in_process:,.0f} bytes in a process and "
        f"{sizes.item_in_cache:,.0f} in Redis; a record of the log {sizes.record:,.0f}."
    )


def number(amount: float, quantity: Quantity) -> str:
    value = 1e6 * amount if quantity.is_cpu else amount
    if value < 0.05:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
