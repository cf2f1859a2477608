"""How commands in another terminal find the Redis that `manage.py up` has started: by a file in the state folder."""

from pathlib import Path

PREFIX = "unix://"


def note(state_dir: Path) -> Path:
    return state_dir / "redis.url"


def url_of_own_redis(state_dir: Path) -> str:
    """Empty when none runs; a note whose socket is gone was left by a crash."""
    try:
        url = note(state_dir).read_text().strip()
    except OSError:
        return ""
    socket = url.removeprefix(PREFIX).partition("?")[0]
    return url if url.startswith(PREFIX) and Path(socket).is_socket() else ""
