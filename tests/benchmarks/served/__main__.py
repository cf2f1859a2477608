"""`make bench ONLY=served`: a stored page over a socket, by our caches and by others, on one core each.

python -m tests.benchmarks.served [--seconds N] [--rounds N] [ROW ...]
"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.contender import Absent, Contender
from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER
from tests.benchmarks.load import Load, heads, is_there, wrk
from tests.benchmarks.rounds import console
from tests.benchmarks.runs import ROUNDS, Measured, in_turn, show
from tests.benchmarks.served.contenders import MAKERS
from tests.benchmarks.served.filling import fill
from tests.benchmarks.served.ratios import show_ratios
from tests.benchmarks.served.right import only_hits
from tests.benchmarks.served.rows import ROWS, Row

SECONDS = 2
SPREAD = Path(__file__).with_name("spread.lua")


def main() -> None:
    options = arguments()
    rows = options.rows or list(ROWS)
    console.print(
        f"Servers on core {FOR_THE_SERVER}, one at a time; the load on core {FOR_THE_LOAD}. "
        f"Medians of {options.rounds} rounds of {options.seconds} s.\n"
    )
    wanted = {name for row in rows for name in ROWS[row].contenders}
    measured: dict[str, dict[str, Measured]] = {}
    with running(wanted) as contenders:
        for name in rows:
            results = of_row(ROWS[name], contenders, options)
            show(ROWS[name].title, results, "nginx")
            measured[name] = {each.name: each for each in results}
    show_ratios(measured)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.served")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all of them without")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of a run (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="for the median (default %(default)s)")
    options = parser.parse_args()
    for row in options.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row!r}; there are {', '.join(ROWS)}")
    return options


@contextmanager
def running(names: set[str]) -> Iterator[dict[str, Contender]]:
    """Those that can be, side by side: the ones that are not asked have nothing to do."""
    with ExitStack() as stack:
        contenders = {}
        for name, make in MAKERS.items():
            if name in names:
                try:
                    contenders[name] = stack.enter_context(make())
                except Absent as reason:
                    console.print(f"Without {name}: {reason}.\n")
        yield contenders


def of_row(row: Row, contenders: Mapping[str, Contender], options: argparse.Namespace) -> list[Measured]:
    taking_part = [contenders[name] for name in row.contenders if name in contenders]
    for contender in taking_part:
        fill(contender, row.many)
    return in_turn(taking_part, lambda each: under_load(each, row, options.seconds), options.rounds)


def under_load(contender: Contender, row: Row, seconds: int) -> Load:
    with only_hits(contender, row):
        if row.many:
            return wrk(contender.url(""), row.connections, seconds, script=SPREAD, arguments=[row.many])
        if row.method == "HEAD":
            return heads(contender.url(row.path), row.connections, seconds)
        return wrk(contender.url(row.path), row.connections, seconds, headers=row.headers)


if __name__ == "__main__" and is_there():
    main()
