"""What must be so before anything is started; each failing check is one clear sentence."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.db import DatabaseError, connection

from project.supervisor.errors import CannotStart

SECONDS = 3.0
# Bytes: of an empty database with its log.
LEAST_SPACE = 2 * 1024 * 1024


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
        marker = folder / ".writable"
        try:
            marker.write_bytes(bytes(LEAST_SPACE))
        finally:
            marker.unlink(missing_ok=True)
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
    place = without_password(url)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise CannotStart(f"The Redis at {place} refuses the password in REDIS_URL.") from error
    except redis.ResponseError as error:
        raise CannotStart(f"The Redis at {place} refuses to serve us: {error}.") from error
    except (redis.RedisError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise CannotStart(f"The Redis at {place} (REDIS_URL) does not answer: {reason}.") from error


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
