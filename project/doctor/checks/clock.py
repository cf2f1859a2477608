"""Clocks: lifetimes, leases and the schedule compare times of several hosts."""

import time
from collections.abc import Iterator

from django.db import DatabaseError
from redis.exceptions import RedisError

from project.doctor.checks.redis import address_of, servers
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

# Seconds between two clocks.
NOTICEABLE, HARMFUL = 2.0, 30.0


def check_clocks() -> Iterator[Finding]:
    differences = dict(measure())
    for name, seconds in differences.items():
        if abs(seconds) > NOTICEABLE:
            make = error if abs(seconds) > HARMFUL else warning
            yield make(
                f"The clock of {name} differs from this host's by {seconds:+.1f} s.",
                "Entries end too early or too late by so much, and scheduled posts appear so much off.",
                "Let all hosts follow one time server (chrony, systemd-timesyncd).",
            )
    if not differences:
        yield skipped("No server answers whose clock could be compared.")
    elif max(map(abs, differences.values())) <= NOTICEABLE:
        yield ok(f"The clocks of {', '.join(differences)} agree with this host's.")


def measure() -> Iterator[tuple[str, float]]:
    """Seconds by which each server's clock is ahead, with half of the round trip taken off."""
    measured = set[str]()
    for _, server in servers():
        address = address_of(server)
        if address in measured:
            continue
        measured.add(address)
        try:
            with server.sync_client() as client:
                client.ping()
                before = time.time()
                seconds, microseconds = client.time()
        except (RedisError, OSError, ValueError):
            continue
        yield f"the Redis at {address}", seconds + microseconds / 1e6 - (before + time.time()) / 2
    yield from measure_database()


def measure_database() -> Iterator[tuple[str, float]]:
    if missing_file():
        return
    try:
        with read_only_connection() as connection:
            if connection.vendor != "postgresql":
                return
            with connection.cursor() as cursor:
                before = time.time()
                cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
                at = float(cursor.fetchone()[0])
    except DatabaseError:
        return
    yield "PostgreSQL", at - (before + time.time()) / 2
