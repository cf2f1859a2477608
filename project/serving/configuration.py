"""uvicorn as this site has it."""

import logging
import os

import uvicorn

from project.serving import times
from project.serving.listener import BACKLOG
from project.serving.options import Options

APPLICATION = "project.asgi:application"
HTTP = "content.caching.edge.protocol:EdgeProtocol"


def configuration(options: Options) -> uvicorn.Config:
    config = uvicorn.Config(
        APPLICATION,
        loop="uvloop",
        http=HTTP,
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=times.KEEP_ALIVE,
        timeout_graceful_shutdown=times.GRACEFUL,
        limit_concurrency=options.limit_concurrency,
        forwarded_allow_ips=believed_proxies(options),
        ssl_certfile=options.certfile,
        ssl_keyfile=options.keyfile,
        server_header=False,
        access_log=options.access_log,
        # Its loggers have no handlers of their own: Django's LOGGING holds for them too.
        log_config=None,
        log_level="warning",
    )
    if options.access_log:
        # Its lines are of level INFO, and uvicorn has one level for all its loggers.
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    return config


def believed_proxies(options: Options) -> str:
    """Those that were named, and no others. uvicorn believes this host unasked; but a tunnel that ends here, or a
    proxy that passes on what it was told, speaks for strangers."""
    named = options.forwarded_allow_ips
    return os.environ.get("FORWARDED_ALLOW_IPS", "") if named is None else named
