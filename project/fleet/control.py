"""Orders from other terminals, by a Unix socket that only this user reaches: a line of JSON, and one as reply."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from project.supervision import CannotStart

LONGEST_LINE = 4096
# An upgrade warms the next release first.
SECONDS = 900.0


async def listen(path: Path, obey: Callable[[list[str]], Awaitable[Any]]) -> asyncio.Server:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            words = json.loads(await reader.readline())
            writer.write(json.dumps({"done": await obey(words)}).encode())
        except (CannotStart, OSError) as error:
            writer.write(json.dumps({"error": str(error)}).encode())
        finally:
            writer.close()

    return await asyncio.start_unix_server(reply, path, limit=LONGEST_LINE)


def order(state: Path, *words: str) -> Any:
    """Send an order to the fleet of that state folder, and wait until it is carried out. Raises CannotStart."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.connect(read_state(state)["control"])
        except OSError as error:
            raise CannotStart(f"The fleet of {state} does not answer ({error.strerror}): it was killed.") from error
        connection.sendall(json.dumps(words).encode() + b"\n")
        with connection.makefile("rb") as file:
            reply = json.loads(file.read() or b'{"error": "The fleet ended before it replied."}')
    if "error" in reply:
        raise CannotStart(reply["error"])
    return reply["done"]


def read_state(state: Path) -> dict[str, Any]:
    """The state that the running fleet wrote into its folder: `url`, `ports`, `control`. Raises CannotStart."""
    try:
        return dict(json.loads((state / "fleet.json").read_text()))
    except OSError as error:
        raise CannotStart(f"No fleet runs in {state}. Start one: make fleet STATE={state}") from error
