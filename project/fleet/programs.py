"""The programs that a fleet runs."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from project.supervision import CannotStart

# Programs, with the Debian package that has them.
PACKAGES = {
    "nginx": "nginx",
    "varnishd": "varnish",
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "psql": "postgresql-client",
    "openssl": "openssl",
}
# Debian has servers in folders that are not on PATH of each user. The newest PostgreSQL is first.
PLACES = ("/usr/sbin", "/usr/local/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)))
XKEY = "usr/lib/*/varnish/vmods/libvmod_xkey.so"


def find_programs() -> dict[str, str]:
    """The path of each program. Raises CannotStart, which names all that are missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
    found = {name: shutil.which(name, path=path) for name in PACKAGES}
    missing = [name for name, program in found.items() if program is None]
    packages = {PACKAGES[name] for name in missing}
    if (
        found["varnishd"]
        and not list(Path("/").glob(XKEY))
        and not list(Path("/usr/local").glob("lib/**/libvmod_xkey.so"))
    ):
        missing.append("the module xkey of Varnish")
        packages.add("varnish-modules")
    if missing:
        raise CannotStart(describe_missing(missing, sorted(packages)))
    return {name: program for name, program in found.items() if program}


def describe_missing(names: Sequence[str], packages: Sequence[str]) -> str:
    return (
        f"A fleet needs programs that are not on PATH: {', '.join(names)}. On Debian: "
        f"apt install {' '.join(packages)}. Nothing was started."
    )
