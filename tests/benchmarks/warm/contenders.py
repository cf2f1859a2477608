"""The contenders, and how each runs: a copy of the site, a Redis, a server, and for one of them a worker."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.readers import read_pages
from tests.benchmarks.site.editing import Editor, editor
from tests.benchmarks.warm.versions import FILE
from tests.benchmarks.warm_site import wait_until_warm, worker
from tests.support.servers.process import free_port
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import Service, environment_of, run_python, running_service

SETTINGS = "tests.benchmarks.warm.settings"


@dataclass(frozen=True)
class Contender:
    title: str
    settings: str
    has_worker: bool = False
    is_ours: bool = False


CONTENDERS = {
    "workers": Contender("with workers", "ours", has_worker=True, is_ours=True),
    "none": Contender("without workers", "ours", is_ours=True),
    "cache_page": Contender("cache_page", "cache_page"),
    "cacheops": Contender("cacheops", "cacheops"),
}


@dataclass(frozen=True)
class Site:
    """A contender that serves, all warm. `own`: its environment beside that of the state folder."""

    contender: Contender
    service: Service
    redis: RedisServer
    editor: Editor
    own: dict[str, str]

    @property
    def versions(self) -> Path:
        """The file in which processes note what warming has stored."""
        return Path(self.own[FILE])

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.service.state_dir) | self.own


@contextmanager
def running(
    contender: Contender, original: Path, state_dir: Path, paths: Sequence[str], lifetime: int
) -> Iterator[Site]:
    """On a copy of that site. `lifetime`: seconds that no page and no document outlives."""
    subprocess.run(["cp", "-r", original, state_dir], check=True)
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        own = own_environment(contender, redis.url, port, lifetime) | {FILE: str(state_dir / "versions")}
        environment = environment_of(state_dir) | own
        if contender.has_worker:
            stack.enter_context(worker(environment))
            wait_until_warm(environment)
        elif contender.is_ours:
            run_python(environment, "manage.py", "warm_cache", "--all", "-v0")
        service = stack.enter_context(running_service(state_dir, command="serve", environment=own, port=port))
        service.wait_for_line("Serving on")
        if not contender.is_ours:
            for _ in read_pages(port, paths):
                pass
        yield Site(contender, service, redis, stack.enter_context(editor(environment)), own)


def own_environment(contender: Contender, redis_url: str, port: int, lifetime: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": f"{SETTINGS}.{contender.settings}",
        "BENCH_LIFETIME": str(lifetime),
        "REDIS_URL": redis_url,
        "SECRET_KEY": "for a benchmark",
        "EVERGREEN_WARM_ORIGINS": f"http://127.0.0.1:{port}",
        "EVERGREEN_LOG_LEVEL": "WARNING",
        "EVERGREEN_RELEASE": "bench",
        # Checks of entries would load too.
        "EVERGREEN_VERIFY": "false",
        # All readers come from one address.
        "EVERGREEN_API_A_MINUTE": "0",
    }
