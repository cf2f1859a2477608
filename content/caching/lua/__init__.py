"""Lua scripts. Redis runs each of them as one atomic step."""

from hashlib import sha1
from pathlib import Path


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
# Digests by the text of a script. Redis keeps a script under its digest once it has run.
DIGESTS = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (LOOKUP_OR_LEASE, STORE)}
