import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ...loop import run_relay


class Command(BaseCommand):
    """Relay the outbox of watched models until SIGINT or SIGTERM. Run one or more beside the web processes."""

    help = "Append the changes that triggers wrote into the outbox to the invalidation log, as they come."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default="default", help="Alias of the database whose outbox is relayed.")

    def handle(self, *args: Any, database: str, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        run_relay(stopping, database)
