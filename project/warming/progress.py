"""Show the progress of a run: one line that changes on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from content.warming.run import Progress, Report, ignore_progress

# Seconds between two lines.
ON_TERMINAL, ELSEWHERE = 0.2, 10.0


@contextmanager
def progress_on_stderr(*, is_shown: bool) -> Iterator[Progress]:
    """Show progress on standard error, so that the report on standard output stays clean."""
    if not is_shown:
        yield ignore_progress
        return
    stream, began = sys.stderr, time.monotonic()
    is_terminal = stream.isatty()
    interval = ON_TERMINAL if is_terminal else ELSEWHERE
    next_at = began + interval

    def show(report: Report) -> None:
        nonlocal next_at
        now = time.monotonic()
        if now < next_at:
            return
        next_at = now + interval
        rate = report.total / (now - began)
        line = (
            f"Warming: {report.total:,} done ({report.pages:,} pages), {rate:,.0f} a second, {report.failed:,} failed"
        )
        stream.write(f"\r{line}\033[K" if is_terminal else f"{line}\n")
        stream.flush()

    try:
        yield show
    finally:
        if is_terminal:
            stream.write("\r\033[K")
