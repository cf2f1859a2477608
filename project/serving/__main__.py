"""The parent: `python -m project.serving OPTIONS`, which `manage.py serve` becomes."""

import asyncio
import contextlib
import sys

from project.serving.errors import CannotServe
from project.serving.listener import open_listener
from project.serving.options import Options
from project.serving.parent import Parent


def main(text: str) -> int:
    """The exit status."""
    try:
        asyncio.run(serve(Options.from_json(text)))
    except CannotServe as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def serve(options: Options) -> None:
    with open_listener(options) as listener:
        await Parent(options, listener, say).run()


def say(text: str) -> None:
    """Whoever has closed the terminal has not ended the service by it."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
