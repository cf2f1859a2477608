"""How everything ends: within five seconds, in order, and with a line about what is waited for."""

import asyncio
from collections.abc import Callable, Sequence

from project.supervisor.child import Child

# Seconds that the processes which ask have, then Redis, which answers them. An idle Celery worker takes 2.5. A task
# or a request that takes longer is cut: the worker's tasks are done again after the next start.
ASKING_SECONDS = 4.0
REDIS_SECONDS = 0.8
# Seconds after which it is worth a line.
SILENT_SECONDS = 0.5


async def end_all(children: Sequence[Child], say: Callable[[str], None], hurry: asyncio.Event) -> None:
    """`hurry` kills at once what still runs."""
    redis = [child for child in children if child.name == "redis"]
    asking = [child for child in children if child.name != "redis"]
    for group, seconds in ((asking, ASKING_SECONDS), (redis, REDIS_SECONDS)):
        await end_together(group, seconds, say, hurry)


async def end_together(
    children: Sequence[Child], seconds: float, say: Callable[[str], None], hurry: asyncio.Event
) -> None:
    endings = {asyncio.create_task(child.ask_to_end()): child for child in children}
    hastened = asyncio.create_task(hurry.wait())
    pending = await wait_for(set(endings), hastened, SILENT_SECONDS)
    if pending and not hastened.done():
        names = ", ".join(child.name for task, child in endings.items() if task in pending)
        say(f"Waiting for {names}, {seconds - SILENT_SECONDS:g} s at most. Ctrl-C again ends at once.")
        if late := await wait_for(pending, hastened, seconds - SILENT_SECONDS):
            say(f"Killed, since it did not end in time: {', '.join(endings[task].name for task in late)}.")
    hastened.cancel()
    await asyncio.gather(*(child.kill() for child in children))
    await asyncio.gather(*endings)


async def wait_for(
    tasks: set[asyncio.Task[None]], hastened: "asyncio.Task[bool]", seconds: float
) -> set[asyncio.Task[None]]:
    """Those that are not done after `seconds`, or when `hastened` is."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while tasks and not hastened.done() and clock() < deadline:
        await asyncio.wait({*tasks, hastened}, timeout=deadline - clock(), return_when=asyncio.FIRST_COMPLETED)
        tasks = {task for task in tasks if not task.done()}
    return tasks
