"""The processes of a fleet: commands and environments come from the units of deploy/systemd."""

import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from project.fleet.layout import DEPLOY, HOST, LOOPBACK, SENTINELS, Layout, user_of_postgres
from project.fleet.postgres import command_of_postgres

# Variables that the caller's environment keeps. All others would be settings of another site.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TERM", "NO_COLOR", "LD_LIBRARY_PATH")
# Starts a process as systemd does: with the socket as file descriptor 3, and the process id that the socket is for.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""
# The state folder of each host has the counts of its own processes.
HOSTS = {"web1": "one", "worker1": "one", "beat": "one", "web2": "two", "worker2": "two"}
BACKLOG = 2048


@dataclass(frozen=True)
class Part:
    """One process. `port`: where it listens, if that shows that it is up. `seconds`: to end after `stop_signal`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    port: int | None = None
    user: str | None = None
    stop_signal: int = signal.SIGTERM
    seconds: float = 10.0
    pass_fds: tuple[int, ...] = field(default=())


def with_socket(listener: socket.socket, command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", ACTIVATE, str(listener.fileno()), *command]


def open_socket(port: int) -> socket.socket:
    """The socket of a web host. It outlives the processes, as evergreen-web.socket does."""
    return socket.create_server((LOOPBACK, port), backlog=BACKLOG)


# --- environment --------------------------------------------------------------------------------------


def caller_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def site_environment(layout: Layout, name: str = "") -> dict[str, str]:
    """The environment of deploy/systemd/env and the units. `name`: of the process; commands have none."""
    secrets = layout.etc / "secrets"
    ours = {
        "EVERGREEN_STATE_DIR": str(layout.state / "site"),
        "EVERGREEN_STATIC_ROOT": str(layout.current / "static"),
        "REDIS_URL": layout.redis_url,
        "CACHE_URL": layout.cache_url,
        "SECRET_KEY_FILE": str(secrets / "secret_key"),
        "DATABASE_URL_FILE": str(secrets / "database_url"),
        "EVERGREEN_CDN": f"varnish://{LOOPBACK}:{layout.port_of('varnish')}",
        "EVERGREEN_METRICS_DIR": str(layout.state / "metrics" / HOSTS.get(name, "one")),
        "EVERGREEN_BACKUPS_DIR": str(layout.backups),
        "EVERGREEN_EMAIL_URL": f"smtp://{LOOPBACK}:{layout.port_of('mail')}",
        # Clients of the site trust the certificate, which signs itself.
        "SSL_CERT_FILE": str(layout.certificate),
        "PYTHONUNBUFFERED": "1",
    }
    return caller_environment() | read_env(layout) | ours


def read_env(layout: Layout) -> dict[str, str]:
    lines = (DEPLOY / "systemd/env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {
        name: value.replace("https://example.org", layout.url).replace("example.org", HOST)
        for name, value in values.items()
    }


# --- commands -----------------------------------------------------------------------------------------


def unit_command(name: str, layout: Layout, program: str) -> list[str]:
    """ExecStart of a unit. `program`: in place of its first word."""
    text = (DEPLOY / f"systemd/evergreen-{name}.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    words = shlex.split(line)[1:]
    return [program, *(word.replace("/srv/evergreen/current", str(layout.current)) for word in words)]


def redis_command(name: str, layout: Layout, program: str, *more: str) -> list[str]:
    """The command of a Redis with a port in place of the socket of its unit."""
    config = layout.etc / f"{name if name != 'redis-replica' else 'redis-log'}.conf"
    listen = ["--port", str(layout.port_of(name)), "--bind", LOOPBACK, "--dir", str(layout.state / name)]
    return [program, str(config), "--daemonize", "no", "--loglevel", "warning", *listen, *more]


def stores(layout: Layout, programs: Mapping[str, str]) -> Iterator[Part]:
    """Databases. They start first, and end last."""
    environment = caller_environment()
    yield Part(
        "postgres",
        command_of_postgres(layout, programs["postgres"]),
        environment,
        Path("/"),
        layout.port_of("postgres"),
        user_of_postgres(),
        # Ends connections instead of waiting for them.
        stop_signal=signal.SIGINT,
    )
    for name in ("redis-cache", "redis-log"):
        command = redis_command(name, layout, programs["redis-server"])
        yield Part(name, command, environment, layout.state, layout.port_of(name))
    if layout.sentinel:
        master = str(layout.port_of("redis-log"))
        command = redis_command("redis-replica", layout, programs["redis-server"], "--replicaof", LOOPBACK, master)
        yield Part("redis-replica", command, environment, layout.state, layout.port_of("redis-replica"))
        for name in SENTINELS:
            command = [programs["redis-server"], str(layout.state / name / "sentinel.conf"), "--sentinel"]
            command += ["--bind", LOOPBACK, "--dir", str(layout.state / name), "--loglevel", "warning"]
            yield Part(name, command, environment, layout.state, layout.port_of(name))


def sites(layout: Layout, listeners: Mapping[str, socket.socket]) -> Iterator[Part]:
    """Processes of the site. `listeners`: the sockets of the web hosts."""
    for name, listener in listeners.items():
        command = unit_command("web", layout, sys.executable)
        command[command.index("--workers") + 1] = str(layout.workers)
        yield Part(
            name,
            with_socket(listener, command),
            site_environment(layout, name),
            layout.current,
            pass_fds=(listener.fileno(),),
        )
    for name in ("worker1", "worker2", "beat"):
        command = unit_command(name.rstrip("12"), layout, sys.executable)
        yield Part(name, command, site_environment(layout, name), layout.current)


def entries(layout: Layout, programs: Mapping[str, str]) -> Iterator[Part]:
    """The servers that readers reach first. They start last, and end first."""
    environment = caller_environment()
    listen = ["-a", f"{LOOPBACK}:{layout.port_of('varnish')}", "-f", str(layout.etc / "evergreen.vcl")]
    folder = ["-n", str(layout.run / "varnish"), "-j", "none"]
    command = [programs["varnishd"], "-F", *folder, *listen, "-s", "malloc,128m"]
    yield Part("varnish", command, environment, layout.state, layout.port_of("varnish"))
    nginx = layout.state / "nginx"
    command = [
        programs["nginx"],
        "-p",
        str(nginx),
        "-c",
        str(nginx / "nginx.conf"),
        "-e",
        str(nginx / "log/error.log"),
    ]
    # SIGQUIT: nginx responds to the requests that it has. Idle connections are closed.
    yield Part(
        "nginx",
        [*command, "-g", "daemon off;"],
        environment,
        layout.state,
        layout.port_of("tls"),
        stop_signal=signal.SIGQUIT,
        seconds=5.0,
    )
