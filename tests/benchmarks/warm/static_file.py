"""nginx with one static file, on any core: its readers wait for nothing but the machine."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from tests.benchmarks.contender import Absent, accepts, port_of_its_own, program
from tests.benchmarks.served.proxies import folder_in_memory
from tests.support.servers.process import stop
from tests.support.wait import wait_until

PATH = "/page"
# Bytes, as a page of the site has.
SIZE = 20_000


@contextmanager
def static_file() -> Iterator[int]:
    """The port of nginx. Raises Absent if it is not installed."""
    command, port = program("nginx"), port_of_its_own()
    # Its worker gives up being root, and would find the folder closed.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    with folder_in_memory() as folder:
        (folder / PATH[1:]).write_bytes(b"x" * SIZE)
        configuration = folder / "nginx.conf"
        text = Path(__file__).with_name("nginx.conf").read_text()
        configuration.write_text(Template(text).substitute(folder=folder, port=port))
        process = subprocess.Popen([command, "-p", folder, "-c", configuration, *user], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: accepts(port) or process.poll() is not None, "nginx accepts")
            if process.returncode is not None:
                raise Absent("nginx ended at once")
            yield port
        finally:
            stop(process)
