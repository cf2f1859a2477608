"""The process that writes, and reads at once what it has written.

{"prepare": "Model.save", "number": 5} makes the rows, and answers with the sights. {"write": true} writes, and
answers when the write was committed and returned, and what the process itself did not see right after.
{"settle": 0.1} is answered so many seconds after all that was written is relayed.
"""

import sys
import time
from typing import Any

import msgspec

from tests.support.flows.child import serve_lines


def writer(url: str) -> Any:
    from django.test.utils import setup_test_environment

    from content.caching.watch import own_writes
    from content.caching.watch.models import WatchedChange
    from tests.support.flows.scene import Scene
    from tests.support.flows.sights import marks_of
    from tests.support.flows.ways import WAYS

    # For the test client, with which the admin is used.
    setup_test_environment()
    current: dict[str, Any] = {}
    relay_now = own_writes._relay_now

    def note_commit(connection: Any) -> None:
        if current.get("is_writing"):
            current["scene"].has_committed()
        relay_now(connection)

    own_writes._relay_now = note_commit

    def find_missed(is_new: bool) -> list[str]:
        number = current["scene"].number
        seen = ((sight, marks_of(sight.subject, sight.key, number)) for sight in current["sights"])
        return [
            f"{sight.subject} {sight.key}: {sorted(marks)}"
            for sight, marks in seen
            if not (sight.is_new(marks) if is_new else sight.is_old(marks))
        ]

    def prepare(name: str, number: int) -> dict[str, Any]:
        way, scene = WAYS[name], Scene(number, url)
        scene.make()
        if way.prepare is not None:
            way.prepare(scene)
        current.update(way=way, scene=scene, sights=way.shows(scene))
        return {"sights": msgspec.to_builtins(current["sights"]), "missed": find_missed(is_new=False)}

    def write() -> dict[str, Any]:
        way, scene = current["way"], current["scene"]
        current["is_writing"] = True
        try:
            way.write(scene)
        finally:
            current["is_writing"] = False
        returned_at = time.monotonic()
        own = find_missed(is_new=True) if way.is_own else []
        return {"committed_at": scene.committed_at or returned_at, "returned_at": returned_at, "missed": own}

    def settle(seconds: float) -> dict[str, Any]:
        while WatchedChange.objects.filter(epoch="").exists():
            time.sleep(0.01)
        # Another relay may be about to append once more what is marked.
        time.sleep(seconds)
        return {}

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        if "prepare" in command:
            return prepare(command["prepare"], command["number"])
        return settle(command["settle"]) if "settle" in command else write()

    return answer


if __name__ == "__main__":
    serve_lines(lambda: writer(sys.argv[1]))
