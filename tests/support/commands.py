"""Commands of one test, of all that its Redis executes: other tests' threads may use the same one for a moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

END = "the end of what is watched"


class Commands(list[str]):
    """With their arguments."""

    @property
    def names(self) -> list[str]:
        return [each.split()[0].upper() for each in self]


@contextmanager
def watch_commands(client: redis.Redis, is_watched: Callable[[str], bool]) -> Iterator[Commands]:
    """The watched commands that clients send while the block runs; complete when it ends."""
    commands = Commands()
    with client.monitor() as monitor:
        yield commands
        client.echo(END)
        for each in iter(monitor.next_command, None):
            if each["command"] == f"ECHO {END}":
                return
            if each["client_type"] != "lua" and is_watched(each["command"]):
                commands.append(each["command"])
