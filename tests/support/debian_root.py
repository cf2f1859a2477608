"""A bare Debian in a folder, and the namespaces in which it runs alone: its own network, processes and /proc.

It has systemd's programs, and no process 1 of it. Packages of Debian and of Python were downloaded before: its
network is the loopback interface. Needs root, debootstrap, and Debian's mirror.
"""

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers.process import absent, binary
from tests.support.service import ROOT
from tests.support.wait import wait_until

MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
WHEELS = "/var/cache/wheels"
# What processes inside have in their environment: pip takes the wheels that are there.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELS,
}
CLONE_NEWNET = 0x40000000
# "ready" is printed once all is mounted. /dev/shm is for PostgreSQL.
HOLD = """
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/dev/shm"
ip link set lo up
hostname evergreen-test
echo ready
exec sleep infinity
"""


def download(root: Path) -> None:
    """What the installer will want: packages of Debian, and the wheels of the lock for any version of Python."""
    text = (ROOT / "deploy/systemd/installer/system.sh").read_text()
    packages = re.search(r"packages=\((.*?)\)", text)
    assert packages
    commands = (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "--download-only"])
    for command, names in zip(commands, ([], packages[1].split()), strict=True):
        subprocess.run(["chroot", root, *command, *names], env=ENVIRONMENT, check=True, capture_output=True)
    pip = [str(ROOT / ".venv/bin/python"), "-m", "pip", "download", "--quiet", "--require-hashes"]
    for name in ("app", "errors", "traces"):
        lock = (ROOT / f"requirements/{name}.lock").read_text()
        pip += ["-r", str(root / f"var/cache/{name}.lock")]
        Path(pip[-1]).write_text(re.sub(r" ; python_full_version < '3\.11\.\d+'", "", lock))
    subprocess.run([*pip, "--only-binary", ":all:", "-d", f"{root}{WHEELS}"], check=True)


def make_root(folder: Path) -> None:
    """Copies the one that DEBIAN_ROOT names, if it is set: making one takes two minutes."""
    if os.geteuid() != 0:
        absent("only root can make and enter a Debian in a folder")
    debootstrap = binary("debootstrap", "/usr/sbin/debootstrap")
    prepared = os.environ.get("DEBIAN_ROOT")
    if prepared:
        subprocess.run(["cp", "--archive", "--reflink=auto", prepared, folder], check=True)
        return
    command = [debootstrap, "--variant=minbase", "--include=systemd,systemd-sysv", SUITE, str(folder), MIRROR]
    if subprocess.run(command, capture_output=True).returncode:
        absent(f"{MIRROR} cannot be reached")
    download(folder)


class DebianRoot:
    """Runs commands inside."""

    def __init__(self, path: Path, holder: int) -> None:
        self.path = path
        self.holder = holder

    def inside(self, name: str) -> Path:
        """The path from outside."""
        return self.path / name.lstrip("/")

    def beside(self, *words: str) -> list[str]:
        """In its namespaces, but with the files of this host, its own among them."""
        enter = ["nsenter", f"--target={self.holder}", "--mount", "--net", "--pid", "--ipc", "--uts"]
        return [*enter, "--", *words]

    def command(self, *words: str) -> list[str]:
        return self.beside("chroot", str(self.path), *words)

    def run(self, *words: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        return self.execute(self.command(*words), seconds)

    def execute(self, command: list[str], seconds: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=ENVIRONMENT,
            cwd="/",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )

    def shell(self, line: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        return self.run("bash", "-c", line, seconds=seconds)

    def enter_network(self) -> None:
        """For the calling thread: sockets that it opens from now on are inside."""
        with open(f"/proc/{self.holder}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def running_root(path: Path) -> Iterator[DebianRoot]:
    """At the end every process inside is killed, and the folder is removed."""
    unshare = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    outer = subprocess.Popen([*unshare, "sh", "-c", HOLD, "sh", str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert outer.stdout
        assert outer.stdout.readline() == "ready\n"
        yield DebianRoot(path, child_of(outer.pid))
    finally:
        outer.kill()
        outer.wait()
        if outer.stdout:
            outer.stdout.close()
        wait_until(lambda: not os.path.ismount(path / "proc"), "the namespaces end")
        shutil.rmtree(path)


def child_of(pid: int) -> int:
    """The one child of a process that waits for it, such as nsenter."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: bool(file.read_text().split()), f"process {pid} has a child")
    return int(file.read_text().split()[0])
