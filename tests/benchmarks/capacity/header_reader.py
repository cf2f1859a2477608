"""Reads the headers of all entries and pages of a site, as a round of the control loop does, and loads nothing.

Each line of its input is a number of rounds. It answers with the headers that it read, and its seconds of CPU.
"""

import asyncio
import sys
import time

import django


async def read_site() -> int:
    from content.caching.engines import engine_of
    from content.warming.cold import compare
    from content.warming.loop import plan_site

    number = 0
    async for chunk in plan_site():
        should = {str(target): target for target in chunk}
        await compare(engine_of("default"), should, 0.0)
        number += len(should)
    return number


async def serve() -> None:
    await read_site()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        began, number = time.process_time(), 0
        for _ in range(int(line)):
            number += await read_site()
        print(number, time.process_time() - began, flush=True)


def main() -> None:
    django.setup()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
