"""In a process of its own: run the operations named on stdin with the `content` package of another folder.

Writes the names of all operations first, and then a cost for each line that it reads.
"""

import asyncio
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop


async def main(folder: str, redis_url: str, prefix: str) -> None:
    operations = operations_with(Path(folder), redis_url, prefix)
    lines = asyncio.StreamReader()
    # Not a blocking read: the log's heartbeats are to be read between two operations as well.
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(*operations, sep="\t", flush=True)
    while line := (await lines.readline()).decode():
        async with operations[line.rstrip("\n")]() as job:
            gc.collect()
            began = time.process_time()
            calls = await job()
            cost = (time.process_time() - began) / calls
        print(repr(cost), flush=True)


def operations_with(folder: Path, redis_url: str, prefix: str) -> Any:
    """Imports `content` of the folder. `tests` is imported already, and stays this checkout's."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    from tests.benchmarks.versions.operations import configure

    configure(redis_url, prefix)
    import content
    from tests.benchmarks.versions.operations import operations

    assert Path(content.__path__[0]).parent == folder, f"content is that of {content.__path__[0]}, not of {folder}"
    return operations()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
