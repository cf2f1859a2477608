import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob

from tests.support.servers.process import binary, free_port, stop, wait_until

FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of an empty database. initdb refuses root, so as root it runs as nobody."""
    initdb = binary("initdb", *sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True))
    programs = os.path.dirname(os.path.realpath(initdb))
    user = "nobody" if os.geteuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        os.chmod(folder, 0o777)
        data = f"{folder}/data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "cwd": folder}
        subprocess.run([initdb, "-D", data, "-U", "evergreen", "-A", "trust", "-E", "UTF8"], check=True, **quiet)
        place = ["-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
        process = subprocess.Popen([f"{programs}/postgres", *place, *FAST], **quiet)
        ready = [f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        try:
            wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers")
            yield f"postgres://evergreen@127.0.0.1:{port}/postgres"
        finally:
            stop(process)
