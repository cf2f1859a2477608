"""A connection to the site's database that can only read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

# Seconds.
CONNECT, STATEMENT = 3, 5


def read_only_settings(database: Mapping[str, Any]) -> dict[str, Any]:
    """The same database. The server or the driver refuses every write; nothing waits without a bound."""
    changed = deepcopy(dict(database)) | {"CONN_MAX_AGE": 0}
    options = changed.setdefault("OPTIONS", {})
    if database["ENGINE"] == "django.db.backends.sqlite3":
        changed["NAME"] = f"file:{quote(str(database['NAME']))}?mode=ro"
        changed["OPTIONS"] = {"timeout": STATEMENT}
    elif database["ENGINE"] == "django.db.backends.postgresql":
        given = options.get("options", "")
        wanted = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT * 1000}"
        changed["OPTIONS"] = options | {"connect_timeout": CONNECT, "options": f"{given} {wanted}".strip()}
    return changed


@contextmanager
def read_only_connection() -> Iterator[BaseDatabaseWrapper]:
    """Raises OperationalError if there is none. It is closed at the end, and belongs to this thread."""
    database = settings.DATABASES["default"]
    handler = ConnectionHandler({"default": read_only_settings(database)})
    connection = handler["default"]
    try:
        yield connection
    finally:
        connection.close()


def missing_file() -> Path | None:
    """The file of SQLite, if it does not exist."""
    database = settings.DATABASES["default"]
    name = Path(str(database["NAME"]))
    is_missing = database["ENGINE"] == "django.db.backends.sqlite3" and not name.is_file()
    return name if is_missing else None
