"""python -m tests.benchmarks.capacity [--posts N] [--seconds N] [--write]

Measures what a hit, a miss, an edit, a process and a warm entry cost, on a fleet (docs/fleet.md), each by the
difference that it makes. --write replaces project/capacity/costs.json, and the tables of docs/capacity.md.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from project.capacity.costs import FILE, Conditions, Costs
from project.capacity.demand import between_rounds, headers_read
from project.capacity.quantities import Driver, Quantity
from tests.benchmarks.capacity.dividing import PROCESSES, SPLIT, WEB_PROCESSES, WORKERS, divide_records, remainder
from tests.benchmarks.capacity.measuring import RECORDS, Measuring
from tests.benchmarks.capacity.phases import WEB, Phases, difference, rates_of
from tests.benchmarks.fleet.usage import open_meter
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.warm_site import FILL
from tests.support.fleet import running_fleet
from tests.support.service import run_python

# CPU of a live dashboard a second, of the web processes: of 500 of them (docs/measurements.md#live-dashboards).
VIEWER = {Quantity.WEB_CPU: 31e-6}
# Seconds for which the verifier checks again what many records may have changed.
SETTLE = 45.0


def main() -> None:
    options = arguments()
    load = os.getloadavg()[0]
    fleet_options = ["--posts", str(options.posts), "--workers", str(PROCESSES)]
    with running_fleet(*fleet_options) as fleet, open_meter(fleet) as meter:
        costs = measure_all(Phases(fleet, meter, options.seconds), load)
    if options.write:
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=2) + b"\n")
        subprocess.run([sys.executable, "-m", "tests.benchmarks.capacity.page"], check=True)


def measure_all(phases: Phases, load: float) -> Costs:
    fleet = phases.fleet
    run_python(phases.environment, "-c", FILL)
    paths = phases.list_pages()
    phases.fill_memory(paths)
    measuring = Measuring(phases, paths)
    rest = phases.rest("at rest")
    measuring.measure_reads(rest, draw_paths(paths, 20_000))
    measuring.measure_edits()
    measuring.measure_database()
    time.sleep(SETTLE)
    whole = measuring.append("whole", RECORDS)
    measuring.keep_edits(whole[0][1])
    sizes, items, connections = phases.read_sizes(), phases.count_items(), phases.count_connections()

    fleet.order("stop", WEB[1])
    time.sleep(SETTLE)
    no_web, web_connections = phases.rest("without a web host"), phases.count_connections()
    records_no_web = measuring.append("without a web host", RECORDS[SPLIT : SPLIT + 1])
    fleet.order("stop", "worker2")
    time.sleep(SETTLE)
    no_worker, worker_connections = phases.rest("without a worker too"), phases.count_connections()
    records_no_worker = measuring.append("without a worker too", RECORDS[SPLIT : SPLIT + 1])
    measuring.keep(Driver.WEB_PROCESS, difference(rest, no_web, PROCESSES))
    measuring.keep(Driver.WORKER, difference(no_web, no_worker, 1))
    # Without workers nothing but what is measured uses the cache.
    fleet.order("stop", "worker1")
    measuring.measure_redis_hits()
    measuring.measure_site_rounds()
    measuring.measure_misses(rates_of(phases.measure("without workers")))

    numbers = {
        Driver.WEB_PROCESS: WEB_PROCESSES,
        Driver.WORKER: WORKERS,
        Driver.PLAN: items / between_rounds(0.0),
        Driver.SCAN: headers_read(items, 0.0),
    }
    measuring.keep(Driver.SITE, remainder(rest, measuring.drivers, numbers))
    return Costs(
        conditions(phases, load),
        measuring.drivers | {Driver.VIEWER: VIEWER},
        measuring.hits,
        measuring.pages,
        divide_records(whole, records_no_web[0][1], records_no_worker[0][1]),
        measuring.edits[0].records,
        measuring.edits[0].pages,
        sizes,
        *(
            {
                Driver.WEB_PROCESS: (all_of - without_web) / PROCESSES,
                Driver.WORKER: float(without_web - without_worker),
            }
            for all_of, without_web, without_worker in zip(
                connections, web_connections, worker_connections, strict=True
            )
        ),
    )


def conditions(phases: Phases, load: float) -> Conditions:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Conditions(
        f"{datetime.now(UTC):%Y-%m-%d}",
        cpu[1] if cpu else platform.machine(),
        os.cpu_count() or 1,
        (round(load, 1), round(os.getloadavg()[0], 1)),
        platform.python_version(),
        *phases.versions(),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.capacity")
    parser.add_argument("--posts", type=int, default=60, help="of the site (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="project/capacity/costs.json, and the page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
