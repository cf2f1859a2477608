"""Appends records to the log of a fleet. Each line of its input is a rate and seconds; it answers with the number.

The tags belong to no entry, so that nothing is loaded because of them. An append does not wait for a follower.
"""

import secrets
import sys
import time

import django


def main() -> None:
    django.setup()
    from content.caching.engines import engine_of
    from content.caching.ordering.ordering import LogOrdering
    from content.caching.ordering.tag_index import Kind

    ordering = engine_of("default").ordering
    assert isinstance(ordering, LogOrdering)
    stream = ordering.log.stream
    print("ready", flush=True)
    for line in sys.stdin:
        rate, seconds = map(float, line.split())
        began, number = time.monotonic(), 0
        while number / rate < seconds and time.monotonic() - began < seconds:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            number += 1
            stream.append(Kind.INVALIDATE, [f"capacity:{number}"], secrets.token_hex(8))
        print(number, flush=True)


if __name__ == "__main__":
    main()
