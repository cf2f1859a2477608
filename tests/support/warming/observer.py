"""Notes of a process for the test: one line of JSON each, appended to a file that all processes share."""

import json
import os
import time
from typing import Any

from django.apps import AppConfig


class Observer(AppConfig):
    name = "tests.support.warming"

    def ready(self) -> None:
        from content.caching.metrics.events import Event, subscribers
        from content.warming.loop import WarmLoop

        def note_load(event: Event) -> None:
            if event.what == "load" or (event.what == "store" and event.resource == "page"):
                note("load", event.key)

        run = WarmLoop.run

        async def run_and_note(loop: WarmLoop) -> None:
            note("begin")
            try:
                await run(loop)
            finally:
                note("end")

        subscribers.append(note_load)
        WarmLoop.run = run_and_note  # type: ignore[method-assign,assignment]  # of an instrument


def note(what: str, key: str = "") -> None:
    """The monotonic clock is the same for all processes of a machine."""
    line: list[Any] = [time.monotonic(), os.getpid(), what, key]
    with open(os.environ["WARMING_NOTES"], "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")
