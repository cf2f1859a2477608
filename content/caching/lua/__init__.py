"""Lua scripts. Redis runs each of them as one atomic step."""

from pathlib import Path

_FOLDER = Path(__file__).parent

APPEND = (_FOLDER / "append.lua").read_text()
ENQUEUE = (_FOLDER / "enqueue.lua").read_text()
ACQUIRE = (_FOLDER / "acquire.lua").read_text()
LOOKUP_OR_LEASE = (_FOLDER / "lookup_or_lease.lua").read_text()
POLL = (_FOLDER / "poll.lua").read_text()
RELEASE = (_FOLDER / "release.lua").read_text()
RENEW = (_FOLDER / "renew.lua").read_text()
STORE = (_FOLDER / "store.lua").read_text()
DEQUEUE = (_FOLDER / "dequeue.lua").read_text()
