"""Lua scripts. Redis runs each of them as one atomic step."""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any


def _script(*names: str) -> str:
    """The files one after the other. The first ones define what the last one calls."""
    folder = Path(__file__).parent
    return "\n".join((folder / f"{name}.lua").read_text() for name in names)


APPEND = _script("own", "log", "append")
POLL = _script("own", "log", "poll")
CHECK_BASE = _script("own", "log", "check_base")
ENQUEUE = _script("own", "enqueue")
DEQUEUE = _script("own", "dequeue")
ACQUIRE = _script("own", "lease", "acquire")
LOOKUP_OR_LEASE = _script("own", "lease", "lookup_or_lease")
RELEASE = _script("release")
RENEW = _script("renew")
STORE = _script("store")
REPLACE = _script("replace")
SPEND = _script("spend")
ADD_HEAT = _script("own", "add_heat")
READ_HEAT = _script("read_heat")
BEGIN_RESTORE = _script("own", "begin_restore")
MARK_RESTORED = _script("mark_restored")
RESTORE_HEAT = _script("own", "restore_heat")
# Scripts that are called by their digest: Redis keeps a script under it once it has run, and needs no text then.
DIGESTS = {
    script: sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (APPEND, POLL, CHECK_BASE, LOOKUP_OR_LEASE, STORE)
}
_TEXTS = {digest: text for text, digest in DIGESTS.items()}


def with_text(command: Sequence[Any]) -> tuple[Any, ...]:
    """The EVAL of an EVALSHA: for a Redis that has not run the script yet, as after a restart (NOSCRIPT)."""
    return "EVAL", _TEXTS[command[1]], *command[2:]
