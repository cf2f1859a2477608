"""Folders, ports and names of one fleet."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HOST = "localhost"
LOOPBACK = "127.0.0.1"
# Each name has the port of the fleet plus its place in this list.
PORTS = (
    "tls", "plain", "varnish", "web1", "web2", "redis-cache", "redis-log", "postgres",
    "redis-replica", "sentinel1", "sentinel2", "sentinel3", "mail",
)  # fmt: skip
SENTINELS = ("sentinel1", "sentinel2", "sentinel3")
# The service that sentinels watch, as deploy/redis/sentinel.conf names it.
SERVICE = "evergreen"


@dataclass(frozen=True)
class Layout:
    """Where a fleet keeps its files, and where it listens.

    state      holds everything that outlives it: rendered files, secrets, database, releases, uploads
    run        sockets, in a short path: a socket's path has at most 107 characters
    port       that of nginx with TLS; the others follow it
    workers    web processes of each web host
    sentinel   whether the Redis of the log has a replica and three sentinels
    """

    state: Path
    run: Path
    port: int
    workers: int = 2
    sentinel: bool = False

    def port_of(self, name: str) -> int:
        return self.port + PORTS.index(name)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def etc(self) -> Path:
        return self.state / "etc"

    @property
    def current(self) -> Path:
        """The symbolic link to the release that runs."""
        return self.state / "current"

    @property
    def releases(self) -> Path:
        return self.state / "releases"

    @property
    def postgres_data(self) -> Path:
        return self.state / "postgres"

    @property
    def backups(self) -> Path:
        return self.state / "backups"

    @property
    def certificate(self) -> Path:
        return self.etc / "tls" / "fullchain.pem"

    @property
    def redis_url(self) -> str:
        if not self.sentinel:
            return f"redis://{LOOPBACK}:{self.port_of('redis-log')}/0"
        hosts = ",".join(f"{LOOPBACK}:{self.port_of(name)}" for name in SENTINELS)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def cache_url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port_of('redis-cache')}/0"


def user_of_postgres() -> str | None:
    """PostgreSQL refuses root, so as root it runs as another user. None: as this one."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
