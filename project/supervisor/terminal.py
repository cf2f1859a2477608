"""One terminal for all processes: each line begins with the name of the process that printed it."""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

COLOURS = {"redis": "red", "worker": "green", "beat": "yellow", "web": "cyan", "setup": "magenta"}
# Columns for the name of a process.
WIDTH = max(map(len, COLOURS))


class Terminal(Protocol):
    def print_line(self, name: str, text: str) -> None:
        """Print a line of the process `name`."""

    def say(self, text: str, style: str = "bold") -> None:
        """Print a sentence of the supervisor."""


class ColourTerminal:
    """Colours on a terminal, plain lines elsewhere (and with NO_COLOR). Names are padded to `width`."""

    def __init__(self, width: int = WIDTH) -> None:
        self.width = width
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def print_line(self, name: str, text: str) -> None:
        colour = COLOURS.get(re.split(r"[\d-]", name)[0], "blue")
        prefix = Text(f"{name:<{self.width}} | ", style=colour)
        self.console.print(prefix + Text.from_ansi(text))

    def say(self, text: str, style: str = "bold") -> None:
        self.console.print(Text(text, style=style))


class JsonTerminal:
    """A terminal for LOG_FORMAT=json: one object a line, with the name of the process."""

    def print_line(self, name: str, text: str) -> None:
        if not text:
            return
        entry = parse_entry(text) or {"time": now(), "level": "INFO", "logger": name, "message": text}
        print(json.dumps({"process": name} | entry, ensure_ascii=False), flush=True)

    def say(self, text: str, style: str = "bold") -> None:
        level = {"bold red": "ERROR", "bold yellow": "WARNING"}.get(style, "INFO")
        self.print_line("up", json.dumps({"time": now(), "level": level, "logger": "up", "message": text}))


def parse_entry(text: str) -> dict[str, Any] | None:
    """None for a line that is no JSON object."""
    try:
        entry = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
