"""uvicorn as this site has it."""

import logging

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
        forwarded_allow_ips=options.forwarded_allow_ips,
        ssl_certfile=options.certfile,
        ssl_keyfile=options.keyfile,
        server_header=False,
        access_log=options.access_log,
        log_level="warning",
    )
    if options.access_log:
        # Its lines are of level INFO, and uvicorn has one level for all its loggers.
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    return config
