"""Goes through all entries and pages of a site, as a round of the control loop does, and loads nothing.

Each line of its input is "plan", or "read" to read their headers too, and a number of rounds. It answers with the
number of entries and pages, and its seconds of CPU.
"""

import asyncio
import sys
import time

import django


async def go_round(reads: bool) -> int:
    from content.caching.engines import engine_of
    from content.warming.cold import compare
    from content.warming.loop import plan_site

    number = 0
    async for chunk in plan_site():
        should = {str(target): target for target in chunk}
        if reads:
            await compare(engine_of("default"), should, 0.0)
        number += len(should)
    return number


async def serve() -> None:
    await go_round(reads=True)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        (what, rounds), began, number = line.split(), time.process_time(), 0
        for _ in range(int(rounds)):
            number += await go_round(reads=what == "read")
        print(number, time.process_time() - began, flush=True)


def main() -> None:
    django.setup()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
