"""One terminal for all: each line carries the name of who wrote it, in a colour of its own."""

import sys

from rich.console import Console
from rich.text import Text

COLOURS = {"redis": "red", "worker": "green", "beat": "yellow", "web": "cyan", "setup": "magenta"}
WIDTH = max(map(len, COLOURS))


class Terminal:
    """Colours on a terminal, plain lines elsewhere (and with NO_COLOR)."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def line(self, name: str, text: str) -> None:
        prefix = Text(f"{name:<{WIDTH}} | ", style=COLOURS.get(name, "blue"))
        self.console.print(prefix + Text.from_ansi(text))

    def say(self, text: str, style: str = "bold") -> None:
        self.console.print(Text(text, style=style))
