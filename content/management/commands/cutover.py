"""Show how warm each release is, and warm this one before it serves readers."""

import asyncio
import json
import os
import threading
from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError
from rich.table import Table

from content.caching.watch.loop import run_relay
from content.management import render
from content.warming.coverage import SETS, Share
from content.warming.cutover import SET, is_covered, prepare
from content.warming.releases import NoReleases, ReleaseStatus, read_releases

# Exit codes: not warm in time; bad input.
NOT_WARM, BAD_INPUT = 1, 2
SIZE = SETS[SET]
# Percent and seconds, and their bounds.
COVERAGE, WITHIN, LONGEST = 95.0, 300.0, 24 * 3600.0
# Processes that serve readers come first.
NICENESS = 10


class Command(BaseCommand):
    help = (
        "Show for each release how many of the entries that are read most it would find fresh. With --prepare warm "
        "this release, beside the other, until enough are. Exit status 1 if they are not in time, 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="warm this release before its processes start")
        parser.add_argument(
            "--coverage", type=float, default=COVERAGE, help=f"percent of the {SIZE:,} hottest entries (default 95)"
        )
        parser.add_argument(
            "--within", type=float, default=WITHIN, help="seconds that it takes at most (default 300)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, and no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted, seconds = options["coverage"], options["within"]
        if not 0 < wanted <= 100:
            raise CommandError(f"--coverage {wanted:g}: more than 0 and at most 100 percent.", returncode=BAD_INPUT)
        if not 0 <= seconds <= LONGEST:
            raise CommandError(f"--within {seconds:g}: 0 to {LONGEST:g} seconds.", returncode=BAD_INPUT)
        is_warm = not options["prepare"] or self.prepare(wanted, seconds, is_shown=not options["json"])
        try:
            releases = asyncio.run(read_releases())
        except NoReleases as error:
            raise CommandError("Releases share a Redis, where each is known. Set REDIS_URL.") from error
        except (RedisError, OSError) as error:
            raise CommandError(f"Cannot reach Redis: {error}. Check REDIS_URL.") from error
        self.stdout.write(
            json.dumps(list(map(as_data, releases)), indent=2) if options["json"] else as_text(releases)
        )
        if not is_warm:
            raise CommandError(
                f"Less than {wanted:g} % of the {SIZE:,} hottest entries, or of a site that nobody has read yet, are "
                f"fresh after {seconds:g} s. Readers would wait for the others. Run the command again, or see "
                "`manage.py cache_stats` for what slows it.",
                returncode=NOT_WARM,
            )

    def prepare(self, wanted: float, seconds: float, *, is_shown: bool) -> bool:
        """Whether enough is fresh in time."""
        os.nice(NICENESS)
        stopping = threading.Event()
        # A release sees changes of the database by a relay of its own, with its own tags.
        relay = threading.Thread(target=run_relay, args=(stopping,), name="relay", daemon=True)
        relay.start()
        try:
            share = asyncio.run(prepare(wanted / 100, seconds, self.show if is_shown else ignore))
        finally:
            stopping.set()
            relay.join(timeout=5)
        return is_covered(share, wanted / 100)

    def show(self, share: Share | None) -> None:
        self.stderr.write(
            "The cache does not answer." if share is None else f"{share.fresh:,} of {share.entries:,} are fresh."
        )


def ignore(share: Share | None) -> None:
    pass


def as_data(release: ReleaseStatus) -> dict[str, Any]:
    return {
        "release": release.name,
        "digest": release.digest,
        "is_this": release.is_own,
        "announced_seconds_ago": None if release.seconds is None else round(release.seconds, 1),
        "servers": release.servers,
        "workers": release.others,
        "loop": None if release.loop is None else msgspec.to_builtins(release.loop),
        "coverage": None
        if release.coverage is None
        else {name: {"fresh": each.fresh, "of": each.entries} for name, each in release.coverage.items()},
    }


def as_text(releases: list[ReleaseStatus]) -> str:
    table = Table(box=None, pad_edge=False)
    table.add_column("Release", no_wrap=True)
    for name in ("Announced", "Servers", "Others", "Loop", *(f"Hottest {size:,}" for size in SETS.values())):
        table.add_column(name, justify="right", no_wrap=True)
    for each in releases:
        table.add_row(
            f"{each.name or each.digest or 'without a name'}{' (this one)' if each.is_own else ''}",
            "-" if each.seconds is None else f"{each.seconds:.0f} s ago",
            str(each.servers),
            str(each.others),
            "-" if each.loop is None else f"{each.loop.host}:{each.loop.pid}",
            *(describe_share(each.coverage, name) for name in SETS),
        )
    return render(lambda console: console.print(table, highlight=False, markup=False))


def describe_share(shares: dict[str, Share] | None, name: str) -> str:
    if shares is None or not shares[name].entries:
        return "-"
    return f"{shares[name]} of {shares[name].entries:,}"
