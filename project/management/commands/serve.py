import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.files import NOT_COLLECTED, are_collected
from project.serving.options import MAX_WORKERS, Options, check_certificate
from project.supervision import CannotStart


class Command(BaseCommand):
    help = (
        "Serve the site with uvicorn (uvloop, httptools). SIGHUP restarts the workers, without a gap; "
        " SIGTERM or Ctrl-C ends all, a second one at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=Options.host)
        parser.add_argument("--port", type=int, default=Options.port, help="0 is any free one (default 8000)")
        parser.add_argument("--fd", type=int, help="a listening socket to inherit, instead of host and port")
        parser.add_argument(
            "--workers", type=int, default=Options.workers, help=f"processes, 1 to {MAX_WORKERS} (default 1)"
        )
        parser.add_argument("--access-log", action="store_true", help="a line for each request")
        parser.add_argument("--certfile", help="TLS: the certificate with its chain, PEM")
        parser.add_argument("--keyfile", help="TLS: its key, if that is in a file of its own")
        parser.add_argument(
            "--forwarded-allow-ips", help="proxies whose X-Forwarded-For and -Proto are trusted (default: none)"
        )
        parser.add_argument(
            "--limit-concurrency", type=int, help="503 beyond so many connections or requests in a worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            given = {field.name: options[field.name] for field in fields(Options)}
            chosen = Options(**given | {"access_log": options["access_log"] or settings.ACCESS_LOG})
            check_certificate(chosen)
        except CannotStart as error:
            raise CommandError(str(error)) from error
        if not are_collected():
            raise CommandError(NOT_COLLECTED)
        become_parent(chosen)


def folder_of_site() -> str:
    """The folder of manage.py as it was called: a symbolic link to a release stays one.

    Workers that start after the link has changed then run the new release.
    """
    called = Path(sys.argv[0]).absolute().parent
    return str(called) if called.resolve() == settings.BASE_DIR else str(settings.BASE_DIR)


def become_parent(options: Options) -> None:
    """Replace this process, without Django, which a parent never needs: it takes 21 MB instead of 65."""
    path = os.pathsep.join(filter(None, [folder_of_site(), os.environ.get("PYTHONPATH")]))
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "project.serving", options.to_json()]
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": path})  # noqa: S606
