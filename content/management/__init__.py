"""Commands of the site: how they print tables and a progress bar, and the person behind them."""

import getpass
import os
import socket
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def progress_bar() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def render(draw: Callable[[Console], None]) -> str:
    """The text that `draw` prints. Columns of a table are cut to the width, so it is wide enough for all of them."""
    console = Console(width=140)
    with console.capture() as captured:
        draw(console)
    return captured.get()


def name_of_operator() -> str:
    """`user@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
