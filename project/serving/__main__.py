"""The parent: `python -m project.serving OPTIONS`, which `manage.py serve` becomes."""

import asyncio
import contextlib
import logging
import os
import sys

from project.logs import formatter
from project.serving.listener import open_listener
from project.serving.options import Options
from project.serving.parent import Parent
from project.supervision import CannotStart


def main(options: str) -> int:
    """Returns the exit status."""
    try:
        asyncio.run(serve(Options.from_json(options)))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def serve(options: Options) -> None:
    with open_listener(options) as listener:
        await Parent(options, listener, log).run()


def log(text: str) -> None:
    """Print a log line. The service goes on after its terminal was closed."""
    record = logging.LogRecord("serve", logging.INFO, __file__, 0, text, None, None)
    with contextlib.suppress(OSError):
        print(formatter(os.environ.get("LOG_FORMAT", "text")).format(record), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
