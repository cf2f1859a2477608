"""The counts of this process's responses: in a file of this host's folder, and counted under any server."""

import re
import socket
from pathlib import Path

from django.conf import settings

from content.caching.edge.asgi import Application
from content.caching.edge.request_counter import RequestCounter
from content.caching.metrics.count_folder import CountFolder
from content.caching.metrics.process_counts import process_counts


def with_counts(application: Application) -> Application:
    return RequestCounter(application, begin=open_counts)


def open_counts() -> None:
    """Store the counts of this process from now on. It tries once: /metrics tries again."""
    if process_counts.folder is None:
        process_counts.open(CountFolder(folder_of_host()))


def folder_of_host() -> Path:
    """A lock and a mapped file work for processes of one host alone, and a file system may be shared by several."""
    return Path(settings.METRICS_DIR) / (re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname()).lstrip(".") or "host")
