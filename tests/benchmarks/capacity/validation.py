"""Compares predictions of the model with the use of a fleet, under loads that did not measure the costs."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from rich.table import Table

from project.capacity.costs import Costs, read_costs
from project.capacity.demand import amounts_of
from project.capacity.load import Load
from project.capacity.quantities import Quantity
from tests.benchmarks.capacity.dividing import LOG
from tests.benchmarks.capacity.measuring import EDITOR
from tests.benchmarks.capacity.phases import REPORTS, WEB, Phases, Rates, edit, rates_of
from tests.benchmarks.capacity.proxies import varnish_count
from tests.benchmarks.capacity.sending import CONNECTIONS, Sender
from tests.benchmarks.fleet.usage import open_meter, tree_seconds
from tests.benchmarks.rounds import console
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.tables import new_table
from tests.benchmarks.warm_site import FILL
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.service import run_python

WITHIN = 0.15
# Below these a part does next to nothing: a hundredth of a core, ten commands, 10 kB or ten transactions a second.
NEGLIGIBLE = {"cpu": 0.01, "commands": 10.0, "bytes": 10_000.0, "transactions": 10.0}
WORKERS = 2


@dataclass(frozen=True)
class Case:
    """Reads through nginx, reads at the web hosts, and edits, a second."""

    by_nginx: float
    at_web: float
    edits: float

    def __str__(self) -> str:
        return f"{self.by_nginx:g} reads/s by nginx, {self.at_web:g} at the web hosts, {self.edits:g} edits/s"


CASES = (Case(0, 0, 0), Case(80, 0, 0.5), Case(40, 150, 2))


def validate(posts: int, processes: int, seconds: float) -> None:
    idle = Load(posts, len(WEB) * processes, WORKERS)
    with running_fleet("--posts", str(posts), "--workers", str(processes)) as fleet, open_meter(fleet) as meter:
        phases = Phases(fleet, meter, seconds)
        run_python(phases.environment, "-c", FILL)
        paths = phases.list_pages()
        phases.fill_memory(paths)
        drawn = draw_paths(paths, 20_000)
        # nginx and Varnish have what is read often.
        Sender(phases.connections("nginx", CONNECTIONS)).send(drawn, 100, 10)
        outcomes = [run_case(phases, case, drawn, idle) for case in CASES]
    costs, shares = read_costs(), list[float]()
    for case, (load, proxies, measured) in zip(CASES, outcomes, strict=True):
        predicted = predict(load, proxies, costs)
        console.print(f"{case}: {load}", highlight=False)
        console.print(table_of(predicted, measured))
        shares += list(ratios(predicted, measured))
    within = sum(abs(ratio - 1) <= WITHIN for ratio in shares)
    console.print(f"{within} of {len(shares)} within {WITHIN:.0%}.")


def predict(load: Load, proxies: Load, costs: Costs) -> Rates:
    """`proxies`: the load of nginx and Varnish, which not all reads pass."""
    predicted, by_proxies = amounts_of(load, costs), amounts_of(proxies, costs)
    # The editor follows the log as a web process does, but is not among those that are measured. It serves no page.
    with_editor = amounts_of(replace(load, web_processes=load.web_processes + 1), costs)
    predicted |= {each: with_editor[each] for each in LOG}
    return predicted | {each: by_proxies[each] for each in (Quantity.NGINX_CPU, Quantity.VARNISH_CPU)}


def run_case(phases: Phases, case: Case, drawn: list[str], idle: Load) -> tuple[Load, Load, Rates]:
    """The load as an operator would read it off, that of the proxies, which not all reads pass, and use a second."""
    with phases.helper(EDITOR) as editor, ThreadPoolExecutor() as threads:
        by_nginx = Sender(phases.connections("nginx", CONNECTIONS))
        at_web = Sender([page for name in WEB for page in phases.connections(name, CONNECTIONS // 2)])

        edits: list[int] = []

        def work() -> None:
            tasks: list[Future[object]] = [threads.submit(phases.wait)]
            for sender, rate in ((by_nginx, case.by_nginx), (at_web, case.at_web)):
                if rate:
                    tasks.append(threads.submit(sender.send, drawn, rate, phases.seconds))
            if case.edits:
                tasks.append(threads.submit(lambda: edits.append(edit(editor, case.edits, phases.seconds))))
            for task in tasks:
                task.result()

        # Processes have reported what came before, and then what this case has done.
        time.sleep(REPORTS)
        before, varnish, writer = phases.counts(), varnish_counts(phases.fleet), tree_seconds(editor.pid)
        usage = phases.measure_rounds(str(case), work)
        spent = tree_seconds(editor.pid) - writer
        reached, fetched = (now - then for now, then in zip(varnish_counts(phases.fleet), varnish, strict=True))
        time.sleep(REPORTS)
        after = phases.counts()
    rates = rates_of(usage)
    # The writer stands for the process of the admin.
    rates[Quantity.WEB_CPU] += spent / usage.at
    counts = {name: after[name] - before.get(name, 0.0) for name in after}
    web = sum(counts.get(name, 0.0) for name in ("hit", "stale", "miss", "joined"))
    reads = by_nginx.statuses.total() + at_web.statuses.total()
    statuses = dict(by_nginx.statuses), dict(at_web.statuses)
    console.print(f"{counts}, {edits} edits, {reached} at Varnish, {fetched} fetched, {statuses}", highlight=False)
    load = Load(
        idle.posts,
        idle.web_processes,
        idle.workers,
        reads=reads / usage.at,
        at_web=min(1.0, web / max(1, reads)),
        # A process looks for a newer page in Redis before it serves a stale one.
        from_redis=min(1.0, (counts["from Redis"] + counts.get("stale", 0.0)) / max(1.0, web)),
        misses=(counts.get("miss", 0.0) + counts.get("joined", 0.0)) / max(1.0, web),
        edits=sum(edits) / usage.at,
        edit_pages=counts["made"] / sum(edits) if edits else None,
    )
    sent = by_nginx.statuses.total()
    at_varnish = min(1.0, reached / max(1, sent))
    proxies = Load(reads=sent / usage.at, at_varnish=at_varnish, at_web=min(at_varnish, fetched / max(1, sent)))
    return load, proxies, rates


def varnish_counts(fleet: RunningFleet) -> tuple[int, int]:
    """Requests that it got, and those that it made."""
    return varnish_count(fleet, "client_req"), varnish_count(fleet, "backend_req")


def table_of(predicted: Rates, measured: Rates) -> Table:
    table = new_table(("a second", "predicted", "measured", "predicted/measured"))
    for quantity in Quantity:
        ratio = predicted[quantity] / measured[quantity] if is_counted(quantity, measured[quantity]) else None
        shown = "little" if ratio is None else f"{ratio:.2f}"
        table.add_row(quantity.value, f"{predicted[quantity]:,.4g}", f"{measured[quantity]:,.4g}", shown)
    return table


def ratios(predicted: Rates, measured: Rates) -> Iterator[float]:
    for quantity in Quantity:
        if is_counted(quantity, measured[quantity]):
            yield predicted[quantity] / measured[quantity]


def is_counted(quantity: Quantity, measured: float) -> bool:
    return measured >= NEGLIGIBLE[quantity.value.rpartition("_")[2]]
