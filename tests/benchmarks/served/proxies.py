"""nginx and Varnish in front of the application, asked once a page and on the other core; h2o with static files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from tests.benchmarks.contender import Contender, port_of_its_own, program, start, uvicorn_with
from tests.benchmarks.cores import FOR_THE_LOAD
from tests.benchmarks.served.pages import PAGES

HERE = Path(__file__).parent
# In memory where there is such a place: nobody is measured by a disk.
SHM = Path("/dev/shm")
# Records of the shared log of Varnish for each request. They are off, since no other contender keeps a log.
LOGGED = (
    *("Begin", "End", "Link", "SessOpen", "SessClose", "Hit", "Timestamp", "ReqAcct"),
    *("VCL_call", "VCL_return", "VCL_use"),
    *("ReqStart", "ReqMethod", "ReqURL", "ReqProtocol", "ReqHeader", "ReqUnset"),
    *("RespProtocol", "RespStatus", "RespReason", "RespHeader", "RespUnset"),
)


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    place = SHM if SHM.is_dir() and os.access(SHM, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="served-", dir=place) as folder:
        yield Path(folder)


@contextmanager
def origin() -> Iterator[Contender]:
    with uvicorn_with("the origin", "tests.benchmarks.served.origin:application", core=FOR_THE_LOAD) as server:
        yield server


def fill_in(name: str, folder: Path, **values: object) -> Path:
    """That configuration, with its blanks filled in."""
    path = folder / name
    path.write_text(Template((HERE / name).read_text()).substitute(values, folder=folder))
    return path


@contextmanager
def nginx() -> Iterator[Contender]:
    path, port = program("nginx"), port_of_its_own()
    # Its worker gives up being root, and would find the folder closed.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    with origin() as behind, folder_in_memory() as folder:
        configuration = fill_in("nginx.conf", folder, port=port, origin=behind.port)
        with start("nginx", [path, "-p", folder, "-c", configuration, *user], port) as server:
            yield server


@contextmanager
def h2o() -> Iterator[Contender]:
    """Static files, by the fastest server for them: what a hit costs where nothing is decided."""
    path, port = program("h2o"), port_of_its_own()
    with folder_in_memory() as folder:
        (folder / "8k").write_bytes(PAGES["/8k"].body)
        user = "root" if os.geteuid() == 0 else ""
        with start("h2o", [path, "-c", fill_in("h2o.yaml", folder, port=port, user=user)], port) as server:
            yield server


@contextmanager
def varnish() -> Iterator[Contender]:
    path, port = program("varnishd"), port_of_its_own()
    with origin() as behind, folder_in_memory() as folder:
        rules = fill_in("varnish.vcl", folder, origin=behind.port)
        place = ["-F", "-j", "none", "-n", folder / "work", "-a", f"127.0.0.1:{port}", "-f", rules]
        with start("Varnish", [path, *place, "-s", "malloc,2g", *parameters()], port) as server:
            yield server


def parameters() -> list[str]:
    chosen = {
        # One core needs one pool; its threads are there before they are needed, one for each of 512 connections.
        "thread_pools": "1",
        "thread_pool_min": "600",
        "thread_pool_max": "1000",
        # Store compressed and plain responses of the origin as they came.
        "http_gzip_support": "off",
        "vsl_mask": ",".join(f"-{record}" for record in LOGGED),
    }
    return [word for name, value in chosen.items() for word in ("-p", f"{name}={value}")]
