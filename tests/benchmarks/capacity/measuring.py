"""Measures the unit costs on a fleet, each by the difference that it makes."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from project.capacity.costs import RateCosts
from project.capacity.quantities import Driver, Quantity
from tests.benchmarks.capacity.dividing import DATABASE, LOG, WEB_PROCESSES, Edits, divide_edits
from tests.benchmarks.capacity.phases import (
    REPORTS,
    WEB,
    Phases,
    Rates,
    ask,
    difference,
    edit,
    more_than,
    rates_of,
)
from tests.benchmarks.capacity.proxies import empty_varnish
from tests.benchmarks.capacity.sending import CONNECTIONS, Sender, Visitor
from tests.benchmarks.contender import ROOT
from tests.benchmarks.fleet.readers import Page
from tests.benchmarks.fleet.usage import tree_seconds
from tests.benchmarks.load import wrk
from tests.benchmarks.rounds import console
from tests.support.servers.process import free_port, is_free, stop
from tests.support.wait import wait_until

APPENDER, EDITOR = "tests.benchmarks.capacity.appender", "tests.benchmarks.fleet.editor"
READERS = ROOT / "tests/benchmarks/site/readers.lua"
SITE_ROUNDS = "tests.benchmarks.capacity.site_rounds"
# Rounds over the site.
ROUNDS = 20
# Records, edits, reads, and reads of what is stored nowhere, a second.
RECORDS = (10.0, 100.0, 1000.0)
EDITS = (1.0, 4.0)
READS, MISSES = 300.0, 20.0
# Seconds for which nginx serves what it stored, and Varnish is not asked.
STORED = 4.0
CACHE = (Quantity.CACHE_CPU, Quantity.CACHE_COMMANDS, Quantity.CACHE_BYTES)
REDIS = (*CACHE, *LOG)
# The quantities that a driver can use. All else that a phase used beside it is noise.
USES = {
    Driver.SITE: tuple(Quantity),
    Driver.WEB_PROCESS: (Quantity.WEB_CPU, *REDIS),
    Driver.WORKER: (Quantity.WORKER_CPU, *REDIS, *DATABASE),
    Driver.NGINX_READ: (Quantity.NGINX_CPU,),
    Driver.VARNISH_READ: (Quantity.NGINX_CPU, Quantity.VARNISH_CPU),
    Driver.VARNISH_FETCH: (Quantity.VARNISH_CPU,),
    Driver.PAGE_HIT: (Quantity.WEB_CPU, *LOG),
    Driver.NOT_MODIFIED: (Quantity.WEB_CPU, *LOG),
    Driver.REDIS_HIT: (Quantity.WEB_CPU, *REDIS),
    Driver.MISS: (Quantity.WEB_CPU, *REDIS, *DATABASE),
    Driver.EDIT: (Quantity.WEB_CPU, Quantity.VARNISH_CPU, *DATABASE),
    Driver.PAGE_MADE: (Quantity.WORKER_CPU, *REDIS, *DATABASE),
    Driver.PLAN: (Quantity.WORKER_CPU, *DATABASE),
    Driver.SCAN: (Quantity.WORKER_CPU, *REDIS, *DATABASE),
}


@dataclass
class Measuring:
    """`paths`: HTML pages. Fills `drivers`, `hits`, `pages` and `edits`."""

    phases: Phases
    paths: Sequence[str]
    drivers: dict[Driver, Rates] = field(default_factory=dict)
    hits: tuple[RateCosts, ...] = ()
    pages: tuple[RateCosts, ...] = ()
    edits: tuple[Edits, ...] = ()
    # The use of the database by a page that is made again.
    page_database: Rates = field(default_factory=dict)

    def keep(self, driver: Driver, costs: Rates) -> None:
        self.drivers[driver] = {each: costs[each] for each in USES[driver]}
        words = ", ".join(f"{each.value} {value:.4g}" for each, value in self.drivers[driver].items())
        console.print(f"{driver.value}: {words}", highlight=False)

    # --- reads ----------------------------------------------------------------------------------------

    def measure_reads(self, rest: Rates, drawn: Sequence[str]) -> None:
        at_web = [page for name in WEB for page in self.phases.connections(name, CONNECTIONS // 2)]
        self.measure_hits_in_a_hurry(rest, drawn, self.send("hits", at_web, drawn, rest))
        etags: dict[str, bytes] = {}
        visitors = [Visitor(page.port, page.host, None, etags) for page in at_web]
        Sender(visitors).send(self.paths, READS, len(self.paths) / READS)
        self.keep(Driver.NOT_MODIFIED, self.send("304s", visitors, drawn, rest))
        by_nginx = self.phases.connections("nginx", CONNECTIONS)
        front = self.send("the front page by nginx", by_nginx, self.paths[:1], rest)
        self.keep(Driver.NGINX_READ, front)
        # Each page so seldom that a nginx which stores pages asks Varnish. Varnish has it from the first round.
        rate = len(self.paths) / STORED
        Sender(by_nginx).send(self.paths, rate, STORED)
        each = self.send("each page by nginx", by_nginx, self.paths, rest, rate)
        # A nginx that stores pages answered the front page itself; one that does not has nothing more to do.
        more = max(0.0, each[Quantity.NGINX_CPU] - front[Quantity.NGINX_CPU])
        self.keep(Driver.VARNISH_READ, each | {Quantity.NGINX_CPU: more})
        self.keep(Driver.VARNISH_FETCH, difference(self.fetch_each(by_nginx, rest), each, 1))

    def fetch_each(self, by_nginx: Sequence[Page], rest: Rates) -> Rates:
        """The use of a read that Varnish has to ask the site for."""
        sender, seconds = Sender(by_nginx), len(self.paths) / READS

        def empty_and_read() -> None:
            for _ in range(max(1, int(self.phases.seconds / seconds))):
                empty_varnish(self.phases.fleet)
                sender.send(self.paths, READS, seconds)

        usage = self.phases.measure("each page from the site by Varnish", empty_and_read)
        sender.require_success("pages from the site")
        return more_than(usage, rest, sender.statuses.total())

    def measure_hits_in_a_hurry(self, rest: Rates, drawn: Sequence[str], slowly: Rates) -> None:
        """By wrk, as fast as the web processes answer. `slowly`: what a hit used at the low rate."""
        phases, seconds = self.phases, max(1, int(self.phases.seconds / 2))
        headers = {"Host": phases.host, "X-Forwarded-Proto": "https"}
        with tempfile.NamedTemporaryFile("w", suffix=".paths") as file, ThreadPoolExecutor() as threads:
            file.write("\n".join(drawn))
            file.flush()

            def load(name: str) -> int:
                url = f"http://127.0.0.1:{phases.fleet.port_of(name)}"
                made = wrk(url, CONNECTIONS, seconds, headers=headers, script=READERS, arguments=[file.name, 0])
                return made.requests

            numbers: list[int] = []
            usage = phases.measure("hits in a hurry", lambda: numbers.extend(threads.map(load, WEB)))
        costs = more_than(usage, rest, sum(numbers))
        # A busier process does not spend more on a hit: that is noise.
        costs = {each: min(cost, slowly[each]) for each, cost in costs.items()}
        # A busy machine may reach less in a hurry.
        both = (self.hits_at(READS, slowly), self.hits_at(sum(numbers) / usage.at, costs))
        self.hits = tuple(sorted(both, key=lambda each: each.rate))
        console.print(f"hits: {self.hits}", highlight=False)

    def hits_at(self, rate: float, costs: Rates) -> RateCosts:
        """The web processes share the rate: the costs of one."""
        each = rate / WEB_PROCESSES
        return RateCosts(each, {quantity: each * costs[quantity] for quantity in USES[Driver.PAGE_HIT]})

    def send(self, name: str, pages: Sequence[Page], paths: Sequence[str], rest: Rates, rate: float = READS) -> Rates:
        """The use of a read."""
        sender = Sender(pages)
        usage = self.phases.measure(name, lambda: sender.send(paths, rate, self.phases.seconds))
        sender.require_success(name)
        return more_than(usage, rest, sender.statuses.total())

    def measure_redis_hits(self) -> None:
        """By a new process with little memory. It reads each page once, or it would have kept the request."""
        phases, port = self.phases, free_port()
        command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
        environment = phases.environment | {"EVERGREEN_MEMORY": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: not is_free(port), "the web process without memory to listen", seconds=60)
            pages = [Page(port, phases.host, None) for _ in range(CONNECTIONS)]
            # The work of a start is no part of a hit.
            phases.wait()
            spent = tree_seconds(process.pid)
            rest = phases.measure("with a web process without memory")
            resting = tree_seconds(process.pid) - spent
            sender, spent = Sender(pages), tree_seconds(process.pid)
            rate = len(self.paths) / phases.seconds
            usage = phases.measure("hits in Redis", lambda: sender.send(self.paths, rate, phases.seconds))
            sender.require_success("hits in Redis")
            costs = more_than(usage, rates_of(rest), sender.statuses.total())
            own = tree_seconds(process.pid) - spent - resting * usage.at / rest.at
            costs[Quantity.WEB_CPU] = max(0.0, own) / sender.statuses.total()
            self.keep(Driver.REDIS_HIT, costs)
        finally:
            stop(process)

    def measure_misses(self, rest: Rates) -> None:
        """Each page is made once. Workers are stopped, and do not help."""
        self.phases.fleet.manage("purge_cache", "--all")
        pages, seconds = self.phases.connections(WEB[0], 4), len(self.paths) / MISSES
        sender = Sender(pages)
        usage = self.phases.measure("misses", lambda: sender.send(self.paths, MISSES, seconds))
        sender.require_success("misses")
        self.keep(Driver.MISS, more_than(usage, rest, sender.statuses.total()))

    def measure_site_rounds(self) -> None:
        """A process of its own plans the whole site, and reads its headers too, as the control loop does."""
        with self.phases.helper(SITE_ROUNDS) as process:
            rest = rates_of(self.phases.measure("before headers"))
            planned = self.go_round(process, "plan", rest)
            read = self.go_round(process, "read", rest)
        self.keep(Driver.PLAN, planned)
        self.keep(Driver.SCAN, difference(read, planned, 1))

    def go_round(self, process: "subprocess.Popen[str]", what: str, rest: Rates) -> Rates:
        """The use of an entry."""
        answers: list[str] = []
        usage = self.phases.measure(f"{what} the site", lambda: answers.append(ask(process, f"{what} {ROUNDS}")))
        number, spent = map(float, answers[0].split())
        return more_than(usage, rest, number) | {Quantity.WORKER_CPU: spent / number}

    # --- writes ---------------------------------------------------------------------------------------

    def append(self, name: str, rates: Sequence[float]) -> list[tuple[float, Rates]]:
        """For each rate: the rate that was reached, and what a record used."""
        costs = []
        with self.phases.helper(APPENDER) as process:
            rest = self.phases.rest(f"{name}, before records")
            for rate in rates:
                order, numbers = f"{rate} {self.phases.seconds}", list[int]()
                work = partial(lambda order, numbers: numbers.append(int(ask(process, order))), order, numbers)
                usage = self.phases.measure(f"{name}, {rate:g} records a second", work)
                record = more_than(usage, rest, numbers[0])
                # No entry has its tags, so that nothing is read or stored in the cache.
                costs.append((numbers[0] / usage.at, record | dict.fromkeys(CACHE, 0.0)))
        return costs

    def measure_database(self) -> None:
        """Everything is stale at once, and workers make it again. Edits alone use too little to be measured."""
        phases = self.phases
        rest = rates_of(phases.measure_without_looks("before everything is made again"))
        made = phases.counts()["made"]

        def make_again() -> None:
            phases.fleet.manage("purge_cache", "--all", "--soft")
            last, since = made, time.monotonic()
            while time.monotonic() < since + 2 * REPORTS:
                time.sleep(2)
                if (now := phases.counts()["made"]) != last:
                    last, since = now, time.monotonic()

        usage = phases.measure_without_looks("everything made again", make_again)
        costs = more_than(usage, rest, phases.counts()["made"] - made)
        self.page_database = {each: costs[each] for each in DATABASE}

    def measure_edits(self) -> None:
        """Edits at each rate, and the pages that workers make again because of them."""
        with self.phases.helper(EDITOR) as process:
            time.sleep(REPORTS)
            rest = rates_of(self.phases.measure_without_looks("before edits"))
            self.edits = tuple(self.measure_edits_at(rate, process, rest) for rate in EDITS)

    def measure_edits_at(self, rate: float, process: "subprocess.Popen[str]", rest: Rates) -> Edits:
        phases = self.phases
        made, added, writer = phases.counts()["made"], phases.entries_added(), tree_seconds(process.pid)
        numbers: list[int] = []

        def work() -> None:
            numbers.append(edit(process, rate, 2 * phases.seconds))
            time.sleep(REPORTS)

        usage = phases.measure_without_looks(f"{rate:g} edits a second", work)
        number = numbers[0]
        found = Edits(
            rate,
            records=(phases.entries_added() - added) / number,
            pages=(phases.counts()["made"] - made) / number,
            writer_cpu=(tree_seconds(process.pid) - writer) / number,
            costs=more_than(usage, rest, number),
        )
        console.print(f"{found.pages:.2f} pages and {found.records:.2f} records an edit.")
        return found

    def keep_edits(self, record: Rates) -> None:
        """`record`: what a record used."""
        costs, pages = divide_edits(self.edits, record, self.page_database)
        self.keep(Driver.EDIT, costs)
        uses = USES[Driver.PAGE_MADE]
        self.pages = tuple(RateCosts(each.rate, {used: each.amounts[used] for used in uses}) for each in pages)
        console.print(f"pages: {self.pages}", highlight=False)
