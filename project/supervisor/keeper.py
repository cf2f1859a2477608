import asyncio
import signal
from collections.abc import Awaitable, Callable

from project.serving.patience import Patience
from project.supervisor.child import Child
from project.supervisor.errors import CannotStart

LINES_AT_RESTART = 5


class Keeper:
    """Keeps one process of the service running: when it dies, the reason is shown and it is started again.

    start       starts a new process and waits until it answers, where that can be known
    say         prints a sentence
    attempts    deaths in a row, each within ten seconds of the start, before CannotStart; None: it never gives up
    before_attempt   is called with the number of deaths in a row before each further start
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Child]],
        say: Callable[[str], None],
        *,
        attempts: int | None = None,
        before_attempt: Callable[[int], None] = lambda row: None,
    ) -> None:
        self.name = name
        self.start = start
        self.say = say
        self.attempts = attempts
        self.before_attempt = before_attempt
        self.patience = Patience()
        self.started = asyncio.Event()

    async def keep(self) -> None:
        """Runs until it is cancelled. Raises CannotStart."""
        clock = asyncio.get_running_loop().time
        while True:
            child, since = await self.start(), clock()
            if child.lives:
                self.started.set()
            await child.wait()
            seconds = self.patience.after(clock() - since)
            if self.attempts is not None and self.patience.row >= self.attempts:
                raise CannotStart(
                    f"{cause_of_death(child)}, {self.attempts} times in a row, so everything ends. "
                    f"Its last lines:\n{last_lines(child)}"
                )
            when = f"in {seconds:g} s" if seconds else "at once"
            lines = last_lines(child, LINES_AT_RESTART)
            self.say(f"{cause_of_death(child)}; it is started again {when}. Its last lines:\n{lines}")
            await asyncio.sleep(seconds)
            self.before_attempt(self.patience.row)


def cause_of_death(child: Child) -> str:
    status = child.process.returncode if child.process else None
    if status is None or status >= 0:
        return f"{child.name} ended with exit status {status}"
    return f"{child.name} was killed by {signal.Signals(-status).name}"


def last_lines(child: Child, count: int = 0) -> str:
    """The last `count` lines that it printed; 0: all that are remembered."""
    lines = list(child.last_lines)[-count:]
    return "\n".join(f"  {line}" for line in lines) or "  (none)"
