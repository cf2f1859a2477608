"""systemctl for a root where systemd does not run: it starts the units that are installed there as systemd would.

It reads ExecStart, User, folders, credentials, environment and the socket from the unit, waits for READY=1, and keeps
what a process prints. Hardening is left out: tests/deploy/test_hardening.py has that. The real systemctl enables.
"""

import os
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tests.support.debian_root import ENVIRONMENT, DebianRoot, child_of
from tests.support.systemd import NotifySocket
from tests.support.targets import read_unit

UNITS = "etc/systemd/system"
# Inside, in front of the real one: a request and a reply through pipes with names.
PROGRAM = """#!/bin/sh
mkfifo "/run/supervisor/$$"
echo "$$ $*" >/run/supervisor/requests
{ read -r status; if [ "$status" = 0 ]; then cat; else cat >&2; fi; } <"/run/supervisor/$$"
exit "$status"
"""
# The steps of systemd between fork and exec. Words: folder, umask, user, group, descriptor of the socket or 0,
# command.
EXECUTE = """
cd "$1"; umask "$2"; user=$3 group=$4 listener=$5; shift 5
if [ "$listener" != 0 ]; then exec 3<&"$listener"; export LISTEN_PID=$$ LISTEN_FDS=1; fi
exec setpriv --reuid="$user" --regid="$group" --init-groups --no-new-privs -- "$@"
"""
# Units of Debian's packages: what their services run.
OF_DEBIAN = {
    ("postgresql.service", "start"): "pg_ctlcluster --skip-systemctl-redirect 15 main start",
    ("postgresql.service", "stop"): "pg_ctlcluster --skip-systemctl-redirect 15 main stop",
    ("postgresql.service", "restart"): "pg_ctlcluster --skip-systemctl-redirect 15 main restart",
    ("postgresql.service", "is-active"): "pg_ctlcluster --skip-systemctl-redirect 15 main status",
    ("nginx.service", "start"): "nginx -g 'daemon on; master_process on;'",
    ("nginx.service", "stop"): "nginx -s quit",
    ("nginx.service", "reload"): "nginx -s reload",
    ("nginx.service", "is-active"): "test -s /run/nginx.pid && kill -0 $(cat /run/nginx.pid)",
}


class RunningUnit:
    def __init__(self, process: subprocess.Popen[bytes], notices: NotifySocket) -> None:
        self.process = process
        self.notices = notices

    @property
    def pid(self) -> int:
        """The process id of the unit's own process, seen from outside."""
        return child_of(self.process.pid)

    @property
    def inner_pid(self) -> int:
        (line,) = (line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if "NSpid" in line)
        return int(line.split()[-1])

    @property
    def status(self) -> str:
        return next((line for line in reversed(self.notices.read()) if line.startswith("STATUS=")), "STATUS=")[7:]


class Supervisor:
    """Acts on systemctl's commands, one after another, in a thread of its own."""

    def __init__(self, root: DebianRoot) -> None:
        self.root = root
        self.running: dict[str, RunningUnit] = {}
        self.active: set[str] = set()
        self.listeners: dict[str, socket.socket] = {}
        self.folder = root.inside("run/supervisor")
        self.folder.mkdir()
        # install.sh and systemd's own programs take this for a running systemd.
        root.inside("run/systemd/system").mkdir(parents=True)
        os.mkfifo(self.folder / "requests")
        program = root.inside("usr/local/sbin/systemctl")
        program.write_text(PROGRAM)
        program.chmod(0o755)
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self) -> "Supervisor":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        (self.folder / "requests").write_text("0 end\n")
        self.thread.join()
        for listener in self.listeners.values():
            listener.close()
        for unit in self.running.values():
            unit.notices.receiver.close()

    def serve(self) -> None:
        self.root.enter_network()
        with open(os.open(self.folder / "requests", os.O_RDWR), encoding="utf-8") as requests:
            while (line := requests.readline()) != "0 end\n":
                client, *words = line.split()
                try:
                    status, text = self.handle([word for word in words if word != "--quiet"])
                    text = "" if "--quiet" in words else text
                except Exception as error:  # the caller must learn of it, whatever it is
                    status, text = 1, f"{type(error).__name__}: {error}\n"
                (self.folder / client).write_text(f"{status}\n{text}")
                (self.folder / client).unlink()
        for name in [*self.running]:
            self.stop(name)

    # --- commands ------------------------------------------------------------------------------------

    def handle(self, words: list[str]) -> tuple[int, str]:
        command, *names = words
        if command == "daemon-reload":
            return 0, ""
        if command in ("is-enabled", "enable", "disable"):
            # Its helpers for scripts of sysvinit must find the real one too: this thread could not answer them.
            done = self.root.run("env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "systemctl", "--root=/", *words)
            return done.returncode, done.stdout
        if command == "show":
            return 0, f"{self.running[names[-1]].inner_pid}\n"
        if command == "status":
            return 0, "".join(self.describe(name) for name in sorted(self.running))
        results = [self.act(command, name if "." in name else f"{name}.service") for name in names]
        return max(status for status, _ in results), "".join(text for _, text in results)

    def act(self, command: str, name: str) -> tuple[int, str]:
        if (name, command) in OF_DEBIAN:
            done = self.root.shell(OF_DEBIAN[name, command])
            return done.returncode, done.stdout
        actions: dict[str, Callable[[str], None]] = {"start": self.start, "stop": self.stop, "reload": self.reload}
        if command == "is-active":
            return (0 if name in self.active or self.is_running(name) else 3), ""
        if command == "restart":
            self.stop(name)
            self.start(name)
        else:
            actions[command](name)
        return 0, ""

    def describe(self, name: str) -> str:
        state = "active (running)" if self.is_running(name) else "failed"
        return f"{name}\n     Active: {state}\n     Status: {self.running[name].status!r}\n"

    def is_running(self, name: str) -> bool:
        return name in self.running and self.running[name].process.poll() is None

    def reload(self, name: str) -> None:
        os.kill(self.running[name].pid, signal.SIGHUP)

    def stop(self, name: str) -> None:
        self.active.discard(name)
        if self.is_running(name):
            os.kill(self.running[name].pid, signal.SIGTERM)
            self.running[name].process.wait(60)

    def start(self, name: str) -> None:
        file = self.root.inside(f"{UNITS}/{name}")
        if not file.exists():
            # Another unit of Debian's packages, such as its own Redis, is only remembered.
            self.active.add(name)
            return
        unit = read_unit(file)
        if name.endswith(".service"):
            if not self.is_running(name):
                self.execute(name, unit)
            return
        self.active.add(name)
        for wanted in " ".join(unit.get("Wants", [])).split():
            if wanted not in self.active:
                self.start(wanted)
        for address in unit.get("ListenStream", []):
            host, _, port = address.rpartition(":")
            self.listeners.setdefault(name, socket.create_server((host, int(port)), backlog=1024))

    # --- a service -----------------------------------------------------------------------------------

    def execute(self, name: str, unit: dict[str, list[str]]) -> None:
        """Returns when it is ready; of a oneshot, when it has ended. Raises AssertionError otherwise."""
        listener = self.listeners.get(name.replace(".service", ".socket"))
        descriptor = listener.fileno() if listener else 0
        user, group = unit["User"][0], unit["Group"][0]
        self.make_folders(unit, user, group)
        address = f"@{name}"
        if name in self.running:
            self.running[name].notices.receiver.close()
        notices = NotifySocket(address)
        words = [unit["WorkingDirectory"][0], unit["UMask"][0], user, group, str(descriptor)]
        with self.root.inside(f"var/log/{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self.root.command("bash", "-c", EXECUTE, name, *words, *shlex.split(unit["ExecStart"][0])),
                env=self.environment(name, unit, user) | {"NOTIFY_SOCKET": address},
                pass_fds=[descriptor] if descriptor else [],
                cwd="/",
                stdout=log,
                stderr=log,
            )
        self.running[name] = RunningUnit(process, notices)
        if unit["Type"] == ["oneshot"]:
            assert process.wait(300) == 0, self.log(name)
        else:
            notices.wait_for("READY=1")

    def log(self, name: str) -> str:
        return self.root.inside(f"var/log/{name}.log").read_text()[-3000:]

    def make_folders(self, unit: dict[str, list[str]], user: str, group: str) -> None:
        for kind, parent in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
            for name in unit.get(kind, []):
                mode = unit[f"{kind}Mode"][0]
                done = self.root.run("install", "-d", "-o", user, "-g", group, "-m", mode, f"{parent}/{name}")
                assert done.returncode == 0, done.stdout

    def environment(self, name: str, unit: dict[str, list[str]], user: str) -> dict[str, str]:
        """Variables of the file and of the unit. Credentials are copies that the user of the unit can read."""
        credentials = f"/run/credentials/{name}"
        assert self.root.run("install", "-d", "-o", user, "-m", "0700", credentials).returncode == 0
        for each in unit.get("LoadCredential", []):
            key, _, path = each.partition(":")
            done = self.root.run("install", "-o", user, "-m", "0400", path, f"{credentials}/{key}")
            assert done.returncode == 0, done.stdout
        lines = unit.get("Environment", [])
        for file in unit.get("EnvironmentFile", []):
            lines = [*self.root.inside(file).read_text().splitlines(), *lines]
        given = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {"PATH": ENVIRONMENT["PATH"], "LANG": "C.UTF-8"} | {
            key: value.replace("%d", credentials) for key, value in given.items()
        }
