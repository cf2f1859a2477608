"""Checks before anything is started. Each failing one is one sentence."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import redis
from django.db import DatabaseError, connection

from content.caching.backends.server import server_at
from project.supervision import CannotStart

TIMEOUT = 3.0
# Bytes of an empty database with its log.
MIN_SPACE = 2 * 1024 * 1024


def lock_state_folder(folder: Path) -> IO[str]:
    """Raises CannotStart if another service uses it. The lock lasts until the file is closed or the process ends."""
    file = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise CannotStart(f"Another `manage.py up` (process {file.read().strip()}) uses {folder}.") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotStart(f"Port {port} cannot be used ({reason}): choose another with --port.") from error


def check_state_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        try:
            probe.write_bytes(bytes(MIN_SPACE))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The state folder {folder} cannot be written ({error.strerror}). Make it writable, free some space, or "
            "set EVERGREEN_STATE_DIR to another folder."
        ) from error


def check_database() -> None:
    name = connection.settings_dict["NAME"] or connection.vendor
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            connection.introspection.table_names(cursor)
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise CannotStart(f"The database {name} cannot be opened: {reason}. See DATABASE_URL.") from error
    finally:
        connection.close()


def check_redis(url: str) -> None:
    address = without_password(url)
    try:
        with server_at(url, timeout=TIMEOUT).sync_client() as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise CannotStart(f"The Redis at {address} refuses the password in REDIS_URL.") from error
    except redis.ResponseError as error:
        raise CannotStart(f"The Redis at {address} refuses to serve us: {error}.") from error
    except (redis.RedisError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise CannotStart(f"The Redis at {address} (REDIS_URL) does not answer: {reason}.") from error


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
