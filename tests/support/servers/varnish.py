"""A Varnish of the tests' own, with the rules that docs/cdn.md gives."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.servers.process import absent, binary, free_port, stop
from tests.support.service import ROOT
from tests.support.wait import wait_until

RULES = re.compile(r"```vcl\n(.*?)```", re.DOTALL)
XKEY = "/usr/lib/*/varnish/vmods/libvmod_xkey.so"


@dataclass
class VarnishServer:
    """`backend`: the port on which it looks for the application."""

    port: int
    backend: int
    process: subprocess.Popen[bytes]

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def answers(self) -> bool:
        """It answers 503 while there is no application."""
        try:
            return httpx.get(self.url, timeout=1).status_code > 0
        except httpx.HTTPError:
            return False

    def forget(self) -> None:
        httpx.request("PURGE", self.url, headers={"xkey-purge": "resource:page"}).raise_for_status()


@contextmanager
def running_varnish(backend: int, text: str = "") -> Iterator[VarnishServer]:
    """`text`: other rules than those of docs/cdn.md."""
    path, port = binary("varnishd", "/usr/sbin/varnishd"), free_port()
    if not list(Path("/").glob(XKEY.lstrip("/"))):
        absent("varnish-modules is not installed")
    with tempfile.TemporaryDirectory(prefix="varnish-") as folder:
        rules = Path(folder) / "rules.vcl"
        rules.write_text((text or read_documented_rules()).replace('"8000"', f'"{backend}"'))
        place = ["-F", "-j", "none", "-n", f"{folder}/work", "-a", f"127.0.0.1:{port}", "-f", str(rules)]
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen([path, *place, "-s", "malloc,64m"], stdout=log, stderr=log)
        server = VarnishServer(port, backend, process)
        try:
            wait_until(lambda: server.answers() or process.poll() is not None, "Varnish answers")
            assert process.poll() is None, (Path(folder) / "log").read_text()
            yield server
        finally:
            stop(process)


def read_documented_rules() -> str:
    found = RULES.search((ROOT / "docs/cdn.md").read_text())
    assert found is not None
    return found.group(1)
