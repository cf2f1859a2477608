"""A process that reads: it answers each line of JSON on its input with one on its output.

    python -m tests.support.flows.observer memory fragment page=http://127.0.0.1:8000

{"sights": [...], "number": 5, "state": "old"} is answered once each tier sees that state of each sight, or after
`seconds`: with none, each is read once. "old" waits until a cache has it, too; "new" is read once more after it was
seen, everywhere. `tiers` chooses some of the process's. Without it they are all but IN_PASSING. Each sight is
answered with two times: when it was first new, and when the last read began that was not.
"""

import sys
import time
from typing import Any

from tests.support.flows.child import serve_lines

# Between two looks: readers that never rest would delay the writer.
PAUSE = 0.005
# The tier of whole pages. A page's asides are made again within a second, so they have times of their own.
IN_PASSING = "in passing"


def observer(words: list[str]) -> Any:
    from content.caching.engines import engine_of
    from tests.support.flows import sights
    from tests.support.flows.scene import Sight

    if "redis" in words:
        engine_of("default").memory = None
    reading: dict[str, Any] = {}
    for word in words:
        tier, _, url = word.partition("=")
        known = {"memory": sights.from_memory, "redis": sights.by_resources}
        page = sights.Page(url, whole=tier == IN_PASSING)
        reading[tier] = page if url else sights.Fragment() if tier == "fragment" else known[tier]

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        tiers = command.get("tiers", reading.keys() - {IN_PASSING})
        wanted = [(tier, Sight(**sight)) for tier in reading if tier in tiers for sight in command["sights"]]
        number, is_new = command["number"], command["state"] == "new"
        deadline = time.monotonic() + command["seconds"]
        seen: dict[int, float] = {}
        old_until: dict[int, float] = {}
        last: dict[int, list[str]] = {}
        reads = 0
        while len(seen) < len(wanted) and (not reads or time.monotonic() < deadline):
            for place, (tier, sight) in enumerate(wanted):
                if place in seen:
                    continue
                begun = time.monotonic()
                marks, was_cached = reading[tier](sight.subject, sight.key, number)
                reads += 1
                last[place] = sorted(marks)
                if sight.is_new(marks) if is_new else sight.is_old(marks) and was_cached:
                    seen[place] = time.monotonic()
                else:
                    old_until[place] = begun
            time.sleep(PAUSE)
        back = []
        if is_new:
            again = (reading[tier](sight.subject, sight.key, number)[0] for tier, sight in wanted)
            is_back = [not sight.is_new(marks) for (_, sight), marks in zip(wanted, again, strict=True)]
            back = [place for place in seen if is_back[place]]
        names = [f"{tier} {sight.subject} {sight.key}" for tier, sight in wanted]
        return {
            "seen": [[wanted[place][0], at, old_until.get(place, 0.0)] for place, at in seen.items()],
            "missing": [f"{names[place]}: {last.get(place)}" for place in range(len(wanted)) if place not in seen],
            "back": [names[place] for place in back],
            "reads": reads,
        }

    return answer


if __name__ == "__main__":
    serve_lines(lambda: observer(sys.argv[1:]))
