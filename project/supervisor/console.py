"""One terminal for all: each line has the name of the process that wrote it, in a colour of its own."""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

COLOURS = {"redis": "red", "worker": "green", "beat": "yellow", "web": "cyan", "setup": "magenta"}
WIDTH = max(map(len, COLOURS))


class Terminal(Protocol):
    def line(self, name: str, text: str) -> None:
        """Print what the process `name` has written."""

    def say(self, text: str, style: str = "bold") -> None:
        """Print what the supervisor has to say."""


class ColourTerminal:
    """Colours on a terminal, plain lines elsewhere (and with NO_COLOR)."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def line(self, name: str, text: str) -> None:
        prefix = Text(f"{name:<{WIDTH}} | ", style=COLOURS.get(name, "blue"))
        self.console.print(prefix + Text.from_ansi(text))

    def say(self, text: str, style: str = "bold") -> None:
        self.console.print(Text(text, style=style))


class JsonTerminal:
    """With LOG_FORMAT=json: one object a line, with the process that wrote it."""

    def line(self, name: str, text: str) -> None:
        if not text:
            return
        entry = parsed(text) or {"time": now(), "level": "INFO", "logger": name, "message": text}
        print(json.dumps({"process": name} | entry, ensure_ascii=False), flush=True)

    def say(self, text: str, style: str = "bold") -> None:
        level = {"bold red": "ERROR", "bold yellow": "WARNING"}.get(style, "INFO")
        self.line("up", json.dumps({"time": now(), "level": level, "logger": "up", "message": text}))


def parsed(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
