import asyncio
import json
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from content.caching.metrics.reports import reporting
from content.caching.verify import Inconsistency, Result, Verifier
from content.caching.verify.findings import VerificationCounts
from content.ops.verification import verifier_of_site

SAMPLE = 100
# Seconds that a new process waits for its first read of the log.
FIRST_READ = 2.0


@dataclass
class Checked:
    """The results of the entries that this command has checked."""

    results: Counter[str] = field(default_factory=Counter)
    found: list[Inconsistency] = field(default_factory=list)


class Command(BaseCommand):
    help = (
        "Compare stored entries with the database now, and show what the running processes have found. Ends with an "
        "error if an entry of the sample is inconsistent. Such an entry is loaded again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sample",
            type=int,
            default=SAMPLE,
            metavar="N",
            help=f"check N entries now (default {SAMPLE})",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] < 0:
            raise CommandError("--sample is a number of entries, 0 or more.")
        verifier = verifier_of_site()
        if verifier is None:
            raise CommandError("This cache has no invalidation log, so it cannot be verified. Set REDIS_URL.")
        try:
            checked = asyncio.run(check_sample(verifier, options["sample"]))
            counts, earlier = read_counts(), verifier.findings.read()
        except (RedisError, OSError) as error:
            raise CommandError(f"Cannot reach Redis: {error}. Check REDIS_URL.") from error
        if options["json"]:
            self.stdout.write(json.dumps(as_data(checked, counts, earlier), indent=2))
        else:
            self.stdout.write("\n".join(as_lines(checked, counts, earlier)))
        if checked.found:
            raise CommandError(f"{len(checked.found)} entries of the sample were inconsistent.")


async def check_sample(verifier: Verifier, number: int) -> Checked:
    """Entries of the shared tier, one after the other."""
    checked = Checked()
    await until_heard(verifier)
    try:
        for key in await verifier.sampler.scan(number) if number else ():
            result, found = await verifier.check(key)
            checked.results[result.value] += 1
            if found is not None:
                checked.found.append(found)
    finally:
        await verifier.checker.close()
    return checked


async def until_heard(verifier: Verifier) -> None:
    """Raises CommandError if the log does not answer: nothing counts as fresh then."""
    end = time.monotonic() + FIRST_READ
    while not verifier.engine.ordering.is_heard:
        if time.monotonic() > end:
            raise CommandError("The invalidation log does not answer, so no entry counts as fresh. Check REDIS_URL.")
        await asyncio.sleep(0.02)


def read_counts() -> VerificationCounts:
    """The sums of all processes, this one included. Raises RedisError or OSError."""
    reporter = reporting.reporter
    return VerificationCounts.of(reporter.report().totals if reporter is not None else Counter())


def as_data(checked: Checked, counts: VerificationCounts, earlier: list[Inconsistency]) -> dict[str, Any]:
    return {
        "sample": {
            "results": {result.value: checked.results[result.value] for result in Result},
            "inconsistent": [msgspec.to_builtins(each) for each in checked.found],
        },
        "all_processes": {
            "running": settings.VERIFY,
            "checked": counts.checked,
            "inconsistent": counts.inconsistent,
            "matched": counts.matched,
            "unsettled": counts.unsettled,
            "charged_seconds": round(counts.seconds, 3),
            "highest_rate": counts.highest_rate,
            "nines": round(counts.nines, 2),
        },
        "found": [msgspec.to_builtins(each) for each in earlier],
    }


def as_lines(checked: Checked, counts: VerificationCounts, earlier: list[Inconsistency]) -> list[str]:
    lines = [f"{number:6} of the sample: {result}" for result, number in checked.results.most_common()]
    lines += [
        f"{counts.checked:6} entries were compared with the database in all processes, {counts.inconsistent} of them "
        f"inconsistent.",
        f"       At most {counts.highest_rate:.2g} of all fresh entries are inconsistent, with 95 % confidence: "
        f"{counts.nines:.1f} nines.",
    ]
    if not settings.VERIFY:
        lines.append("Continuous verification is off. EVERGREEN_VERIFY=true switches it on.")
    return lines + [f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(each.at))} UTC  {each}" for each in earlier]
