"""nginx with the files of deploy/nginx, whose addresses and folders are replaced by those of a test."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.servers.process import binary, free_port, stop
from tests.support.targets import DEPLOY
from tests.support.wait import wait_until

HOST = "example.org"


@dataclass
class NginxServer:
    """`plain` and `tls`: its ports. `authority` has signed its certificate."""

    folder: Path
    plain: int
    tls: int
    authority: trustme.CA

    @property
    def configuration(self) -> Path:
        return self.folder / "nginx.conf"

    def is_listening(self) -> bool:
        return (self.folder / "nginx.pid").exists()

    def command(self, *options: str) -> list[str]:
        program = binary("nginx", "/usr/sbin/nginx")
        return [program, "-p", str(self.folder), "-c", str(self.configuration), "-g", "daemon off;", *options]


def write_nginx(folder: Path, backend: int, upstream: Path | None = None, varnish: int = 0) -> NginxServer:
    """Write the configuration. `backend`: the port of the application. `upstream`: another file for its servers."""
    server = NginxServer(folder, free_port(), free_port(), trustme.CA())
    for name in ("tls", "cache", "shared/static", "acme", "conf.d", "evergreen.d", "log"):
        (folder / name).mkdir(parents=True)
    certificate = server.authority.issue_cert(HOST)
    (folder / "tls/privkey.pem").write_bytes(certificate.private_key_pem.bytes())
    (folder / "tls/fullchain.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    replaced = {
        r"user www-data;": "user root;",
        r"/etc/nginx/(conf\.d|evergreen\.d)": rf"{folder}/\1",
        r"/etc/evergreen/tls": f"{folder}/tls",
        r"/var/cache/nginx/evergreen": f"{folder}/cache",
        r"/srv/evergreen/shared": f"{folder}/shared",
        r"/var/www/acme": f"{folder}/acme",
        r"/var/log/nginx": f"{folder}/log",
        r"/run/nginx\.pid": f"{folder}/nginx.pid",
        r"listen \[::\]:.*\n": "\n",
        r"listen 80;": f"listen 127.0.0.1:{server.plain};",
        r"listen 443 ": f"listen 127.0.0.1:{server.tls} ",
        r"server (127\.0\.0\.\d|web\d):8000": f"server 127.0.0.1:{backend}",
        r":6081": f":{varnish or free_port()}",
    }
    source = DEPLOY / "nginx"
    files = {
        "nginx.conf": source / "nginx.conf",
        "conf.d/evergreen.conf": source / "evergreen.conf",
        "evergreen.d/proxy.conf": source / "evergreen.d/proxy.conf",
        "evergreen.d/upstream.conf": upstream or source / "evergreen.d/upstream.conf",
    }
    for name, file in files.items():
        text = file.read_text()
        for pattern, replacement in replaced.items():
            text = re.sub(pattern, replacement, text)
        (folder / name).write_text(text)
    return server


@contextmanager
def running_nginx(
    folder: Path, backend: int, upstream: Path | None = None, varnish: int = 0
) -> Iterator[NginxServer]:
    """`varnish`: its port, if `upstream` has one; 0: nothing listens there."""
    server = write_nginx(folder, backend, upstream, varnish)
    with (folder / "log/output").open("w") as output:
        process = subprocess.Popen(server.command(), stdout=output, stderr=output)
    try:
        wait_until(lambda: server.is_listening() or process.poll() is not None, "nginx listens")
        assert process.poll() is None, (folder / "log/output").read_text()
        yield server
    finally:
        stop(process)
