"""`cache_stats --watch`: the dashboard in a terminal of 80 columns, or a line for each moment where there is none."""

import asyncio
import os
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from content.ops.numbers import TILES, UNKNOWN, Number, compute, show
from content.ops.panels.panel import Panel
from content.ops.points import Window
from content.ops.snapshot import Snapshot, take_snapshot, window_of

# Seconds between two snapshots.
EVERY = 2.0
WIDTH = 80
# The panels that a terminal shows, the most urgent first.
SHOWN = ("services", "runs", "backlog", "outbox", "coverage", "requests", "resources", "processes")
STYLES = {"well": "bold green", "warning": "bold yellow", "failing": "bold red", "bad": "red", "good": "green"}
# Numbers of a tile on one line.
TITLE_WIDTH = 20


def watch(output: TextIO) -> None:
    """Run until q, Ctrl-C, or the end of the input of a terminal."""
    # A command that is interrupted has done what it was asked for.
    with suppress(KeyboardInterrupt):
        if output.isatty() and sys.stdin.isatty():
            asyncio.run(watch_terminal(output))
        else:
            asyncio.run(print_lines(output))


async def snapshots(stop: asyncio.Event) -> AsyncIterator[Snapshot]:
    while not stop.is_set():
        yield await take_snapshot()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY)


async def watch_terminal(output: TextIO) -> None:
    stop = asyncio.Event()
    console = Console(file=output, width=min(WIDTH, Console(file=output).width))
    with keys(stop), Live(console=console, screen=True, auto_refresh=False) as live:
        async for snapshot in snapshots(stop):
            live.update(draw(snapshot, window_of(snapshot)), refresh=True)


@contextmanager
def keys(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` when q is pressed, or the terminal has gone. Keys are not shown meanwhile."""
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        pressed = os.read(descriptor, 64)
        if not pressed or b"q" in pressed.lower():
            stop.set()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def print_lines(output: TextIO) -> None:
    async for snapshot in snapshots(asyncio.Event()):
        output.write(f"{line_of(snapshot, window_of(snapshot))}\n")
        output.flush()


def line_of(snapshot: Snapshot, window: Window) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(snapshot.at))
    numbers = "; ".join(f"{tile.title}: {values_of(tile.numbers, window)}" for tile in TILES)
    return f"{at} {snapshot.verdict.level}. {snapshot.verdict.text} {numbers}"


def values_of(numbers: tuple[Number, ...], window: Window) -> str:
    return ", ".join(f"{show(compute(number, window), number.unit)} {number.label}" for number in numbers)


# --- drawing ----------------------------------------------------------------------------------------------


def draw(snapshot: Snapshot, window: Window) -> RenderableType:
    verdict = snapshot.verdict
    at = time.strftime("%H:%M:%S", time.localtime(snapshot.at))
    parts: list[RenderableType] = [Text(verdict.text, STYLES[verdict.level]), draw_numbers(window)]
    parts += [Text(f"! {each.problem} {each.action}", STYLES[each.level]) for each in verdict.findings[1:]]
    panels = (snapshot.panels[name] for name in SHOWN if name in snapshot.panels)
    parts += [part for panel in panels if panel.rows or panel.note for part in draw_panel(panel, snapshot.at)]
    return Group(*parts, Text(f"{at}, every {EVERY:g} s. q ends.", "dim"))


def draw_numbers(window: Window) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(width=TITLE_WIDTH)
    table.add_column(overflow="fold")
    for tile in TILES:
        values = values_of(tile.numbers, window)
        table.add_row(tile.title, Text(values, "dim" if values.startswith(UNKNOWN) else "bold"))
    return table


def draw_panel(panel: Panel, now: float) -> Iterator[RenderableType]:
    age = f"{max(0.0, now - panel.at):.0f} s old" if panel.at else "never read"
    yield Text.assemble("\n", (panel.title, "bold underline"), (f"  {age}", "dim"))
    if panel.rows:
        yield draw_rows(panel)
    if panel.note:
        yield Text(panel.note, "red" if panel.status == "failed" else "dim")


def draw_rows(panel: Panel) -> Table:
    """Long words are folded, so that no cell is cut at 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for column in panel.columns:
        table.add_column(column.title, justify="right" if column.is_number else "left", overflow="fold")
    for row in panel.rows:
        table.add_row(*(Text(cell) for cell in row.cells), style=STYLES.get(row.state, ""))
    return table
