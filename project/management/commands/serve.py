from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.files import NOT_COLLECTED, are_collected


class Command(BaseCommand):
    help = "Serve the site with uvicorn (uvloop, httptools)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
        parser.add_argument("--access-log", action="store_true", help="a line for each request")

    def handle(self, *args: Any, **options: Any) -> None:
        if not are_collected():
            raise CommandError(NOT_COLLECTED)
        uvicorn.run(
            "project.asgi:application",
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            access_log=options["access_log"],
            loop="uvloop",
            http="httptools",
            lifespan="on",
            # Longer than the keep-alive of the proxies in front, so that they close first.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
            server_header=False,
            log_level="warning",
        )
