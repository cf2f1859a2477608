"""A helper of a crew: a process that warms what it is sent. It imports models only after Django is set up."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.warming import Report

# The name and parameters of a target.
Sent = tuple[str, tuple[Any, ...]]


def help_warm(connection: Connection) -> None:
    """The life of a helper: warm what the parent sends, and report, until the parent closes the connection."""
    import django

    threading.Thread(target=end_with_parent, daemon=True).start()
    django.setup()
    with asyncio.Runner() as runner:
        while True:
            try:
                sent, margin = connection.recv()
                connection.send(runner.run(warm_sent(sent, margin)))
            except (EOFError, OSError, KeyboardInterrupt):
                return


async def warm_sent(sent: Sequence[Sent], margin: float) -> "Report | str":
    """The report, or the error in words."""
    from content import resources
    from content.warming import Target, warm
    from content.warming.targets import Warmable, pages

    by_name: dict[str, Warmable] = {**resources.BY_NAME, pages.name: pages}
    try:
        return await warm([Target(by_name[name], parameters) for name, parameters in sent], margin=margin)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def end_with_parent() -> None:
    """A parent that was killed leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
