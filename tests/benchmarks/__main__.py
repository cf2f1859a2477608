import asyncio
import platform
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import uvloop

from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER, pin_to_core
from tests.support.servers.redis import running_redis

IN_REDIS = ("backend", "resource", "cost", "growth", "pages", "heat")
ON_THE_SITE = ("edge", "precision")
OVER_SOCKETS = ("batching", "sync", "watch", "served", "stale", "site", "warm", "purge", "cutover", "warm_run")
IN_DATABASES = ("resources",)
ALL = (*IN_REDIS, "memory", *ON_THE_SITE, *OVER_SOCKETS, *IN_DATABASES)


def main(wanted: list[str]) -> None:
    if wanted[:1] == ["versions"]:
        # Its arguments are another checkout and options, not benchmarks.
        sys.exit(subprocess.run([sys.executable, "-m", "tests.benchmarks.versions", *wanted[1:]]).returncode)
    for name in wanted or ALL:
        if name not in ALL:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join((*ALL, 'versions'))}.")
    from tests.benchmarks.rounds import console

    console.print(f"Python {platform.python_version()}, {platform.machine()}; contenders take turns.\n")
    with ExitStack() as stack:
        with pin_to_core(FOR_THE_LOAD):
            server, large = (stack.enter_context(running_redis()) for _ in range(2))
        from tests.benchmarks.servers import configure

        configure(server.url, large.url)
        for name in wanted or ALL:
            if name in IN_REDIS:
                # The loop that the service runs on, for all contenders.
                with pin_to_core(FOR_THE_SERVER), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(module(name).run(server.url))
            elif name in ON_THE_SITE:
                # With the site's own settings, and so in a process of its own.
                subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", server.url], check=True)
            elif name in OVER_SOCKETS or name in IN_DATABASES:
                # They start servers of their own, each on its core.
                subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=True)
            else:
                module(name).run()
        stop_following()


def stop_following() -> None:
    """Before the servers end: what still follows them would complain."""
    from content.caching.metrics.reports import reporting
    from content.caching.ordering.log import stop_logs

    reporting.end()
    stop_logs()


def module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"tests.benchmarks.{name}")


if __name__ == "__main__":
    main(sys.argv[1:])
