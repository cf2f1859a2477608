"""A plan as tables, and as data for JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from project.capacity.costs import Conditions, Costs
from project.capacity.demand import MB, Demand, demand_of
from project.capacity.ends import End, ends_of
from project.capacity.load import Load
from project.capacity.quantities import Quantity

GB = 1024.0 * MB


def as_data(load: Load, costs: Costs) -> dict[str, Any]:
    demand = demand_of(load, costs)
    amounts = {quantity.value: demand.amounts[quantity] for quantity in Quantity}
    return {
        "load": asdict(load),
        "items": load.items,
        "demand": asdict(demand) | {"amounts": amounts},
        "ends": [asdict(end) for end in ends_of(load, costs)],
        "measured": asdict_of(costs.conditions),
    }


def asdict_of(conditions: Conditions) -> dict[str, Any]:
    return {name: getattr(conditions, name) for name in conditions.__struct_fields__}


def print_plan(console: Console, load: Load, costs: Costs) -> None:
    console.print(
        f"{load.posts:,.0f} posts are {load.items:,.0f} entries and pages. {load.reads:,g} reads a second, "
        f"{load.reads * load.at_web:,g} of them at the web processes; {load.edits:,g} edits a second.\n",
        highlight=False,
    )
    console.print(table_of(load, demand_of(load, costs)))
    ends = ends_of(load, costs)
    console.print(table_of_ends(ends))
    for end in ends_to_explain(ends):
        console.print(f"{end.part}: {end.then}", highlight=False, soft_wrap=True)
    console.print(f"\n{sentence(costs.conditions)}", highlight=False, soft_wrap=True)


def table_of(load: Load, demand: Demand) -> Table:
    table = new_table("part", "cores", "memory", "commands/s", "kB/s", "connections")
    amounts = demand.amounts
    table.add_row(f"{load.web_processes:,g} web processes", cores(amounts[Quantity.WEB_CPU]), size(demand.web_memory))
    table.add_row(f"{load.workers:,g} workers, beat", cores(amounts[Quantity.WORKER_CPU]), size(demand.worker_memory))
    redis = (
        ("cache", demand.cache_memory, demand.cache_connections),
        ("log", demand.log_memory, demand.log_connections),
    )
    for name, memory, connections in redis:
        table.add_row(
            f"Redis of the {name}",
            cores(amounts[Quantity(f"{name}_cpu")]),
            size(memory),
            f"{amounts[Quantity(f'{name}_commands')]:,.0f}",
            f"{amounts[Quantity(f'{name}_bytes')] / 1000:,.0f}",
            f"{connections:,.0f}",
        )
    transactions = f"{amounts[Quantity.TRANSACTIONS]:,.0f}"
    connected = f"{demand.database_connections:,.0f}"
    table.add_row("PostgreSQL", cores(amounts[Quantity.POSTGRES_CPU]), "", transactions, "", connected)
    table.add_row("Varnish", cores(amounts[Quantity.VARNISH_CPU]))
    table.add_row("nginx", cores(amounts[Quantity.NGINX_CPU]))
    return table


def table_of_ends(ends: list[End]) -> Table:
    table = new_table("what ends", "now", "end", "full", "ends at")
    for end in ends:
        table.add_row(end.part, amount(end.used, end.unit), amount(end.most, end.unit), f"{end.share:.0%}", when(end))
    return table


def ends_to_explain(ends: list[End]) -> list[End]:
    """Those that this load has passed, or else the first."""
    return [end for end in ends if end.share > 1] or [end for end in ends if end.factor is not None][:1]


def when(end: End) -> str:
    if end.factor is None:
        return "never, by reads and edits"
    if end.share > 1:
        return "passed"
    return f"{end.factor:,.1f} times the load" if end.factor < 1000 else "over 1,000 times the load"


def new_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def cores(value: float) -> str:
    return f"{value:,.2f}"


def size(value: float) -> str:
    return f"{value / GB:,.1f} GB" if value >= GB else f"{value / MB:,.0f} MB"


def amount(value: float, unit: str) -> str:
    match unit:
        case "bytes":
            return size(value)
        case "bytes/s":
            return f"{value / 1000:,.0f} kB/s"
        case "cores":
            return f"{cores(value)} cores"
    return f"{value:,.0f}"


def sentence(conditions: Conditions) -> str:
    low, high = conditions.load
    return (
        f"Costs were measured on {conditions.day} on {conditions.cores} cores of {conditions.cpu} (load {low:g} to "
        f"{high:g}), Python {conditions.python}, Redis {conditions.redis}, PostgreSQL {conditions.postgresql}. Other "
        "processors differ: measure yours with `python -m tests.benchmarks.capacity`."
    )
