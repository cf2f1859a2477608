"""Scripts that run inside of Redis, each in one step."""

from pathlib import Path

FOLDER = Path(__file__).parent

APPEND = (FOLDER / "append.lua").read_text()
ASK = (FOLDER / "ask.lua").read_text()
LEASE = (FOLDER / "lease.lua").read_text()
POLL = (FOLDER / "poll.lua").read_text()
RELEASE = (FOLDER / "release.lua").read_text()
RENEW = (FOLDER / "renew.lua").read_text()
STORE = (FOLDER / "store.lua").read_text()
TAKE = (FOLDER / "take.lua").read_text()
