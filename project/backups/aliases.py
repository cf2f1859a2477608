"""Databases besides the site's, as aliases of Django for the length of a block."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dj_database_url
from django.db import connections
from django.db.utils import ConnectionHandler


@contextmanager
def database_alias(settings: dict[str, Any]) -> Iterator[str]:
    """The name under which the ORM finds that database. Its connection is closed at the end."""
    alias = f"other-{secrets.token_hex(4)}"
    connections.databases[alias] = ConnectionHandler({"default": settings}).settings["default"]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def settings_of(url: str) -> dict[str, Any]:
    """Raises ValueError for what is no URL of a database."""
    settings: dict[str, Any] = {**dj_database_url.parse(url)}
    if settings["ENGINE"] == "django.db.backends.postgresql":
        settings["OPTIONS"] = {"connect_timeout": 5, **(settings.get("OPTIONS") or {})}
    return settings
