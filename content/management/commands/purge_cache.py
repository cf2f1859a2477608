"""Purge entries and pages. The command says what it will touch before it does, and what it did."""

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from content.caching import CacheError
from content.nearest import in_words
from content.purging import BadSelection, Outcome, Selection, Survey, purge, resolve
from content.warming.state import WarmState, in_mebibytes, read_state

# Exit codes: nothing is stored of something that was named, or some processes may not have been reached; bad input.
FAILED, BAD_INPUT = 1, 2
# Tags, and things of which nothing is stored, that are printed.
MOST_PRINTED = 20
UNKNOWN = "How many entries that touches is not known: only a Redis that answers can list what is stored."


class Command(BaseCommand):
    help = (
        "Drop cached pages and the entries that they are made of, in every process. It says what it will touch "
        "before it does, and what it did. With --soft they are served as stale while workers make them again, "
        "hottest first. Exit status 1 if nothing is stored of something that was named, 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tag", action="append", default=[], dest="tags", help="what has this tag: post:42")
        parser.add_argument(
            "--pattern",
            action="append",
            default=[],
            dest="patterns",
            help="pages by path, '/posts/2018-*', or by tag",
        )
        parser.add_argument(
            "--resource", action="append", default=[], dest="names", help="its entries, and pages made of them"
        )
        parser.add_argument("--url", action="append", default=[], dest="urls", help="pages of this path, on any host")
        parser.add_argument(
            "--group",
            action="append",
            default=[],
            dest="groups",
            help="all of category:7, tag:green, archive:2018-05",
        )
        parser.add_argument("--all", action="store_true", dest="everything", help="every page and every entry")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--soft", action="store_true", help="serve them as stale while they are made again")
        how.add_argument("--hard", action="store_true", help="never serve them again (the default)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be touched, and touch nothing")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        soft, dry_run, is_json = options["soft"], options["dry_run"], options["json"]

        async def announce(outcome: Outcome) -> None:
            if not is_json:
                self.stdout.write(describe_plan(outcome, dry_run=dry_run))
                self.stdout.flush()

        try:
            scope = resolve(selection_of(options))
            outcome = asyncio.run(purge(scope, soft=soft, dry_run=dry_run, before=announce))
        except BadSelection as error:
            raise CommandError(f"Nothing was purged. {error}", returncode=BAD_INPUT) from error
        except (CacheError, RedisError, OSError) as error:
            raise CommandError(
                f"Some processes may still serve what you purged: {error}. Run the command again.", returncode=FAILED
            ) from error
        if is_json:
            self.stdout.write(json.dumps(outcome.as_data()))
        elif outcome.is_done:
            self.stdout.write(describe_result(outcome, asyncio.run(read_loop()) if soft else None))
        fail_if_missing(outcome)


def selection_of(options: dict[str, Any]) -> Selection:
    chosen: dict[str, Any] = {name: tuple(options[name]) for name in ("tags", "patterns", "names", "urls", "groups")}
    return Selection(**chosen, everything=options["everything"])


async def read_loop() -> WarmState | None:
    try:
        return await read_state()
    except (RedisError, OSError):
        return None


def fail_if_missing(outcome: Outcome) -> None:
    """Exit code 1, with names that are near, if nothing is stored of something."""
    if outcome.survey is not None and not outcome.survey.is_complete and outcome.scope.has_patterns:
        raise CommandError(
            "Not all stored entries were compared with the pattern: there are too many. Run the command again with a "
            "resource or --all.",
            returncode=FAILED,
        )
    if outcome.missing:
        shown = list(outcome.missing.items())[:MOST_PRINTED]
        lines = [f"Nothing is stored of {item.label}.{in_words(near)}" for item, near in shown]
        more = len(outcome.missing) - len(shown)
        raise CommandError("\n".join([*lines, *([f"… and of {more:,} others."] if more else [])]), returncode=FAILED)


# --- in sentences --------------------------------------------------------------------------------


def describe_plan(outcome: Outcome, *, dry_run: bool) -> str:
    shown = ", ".join(outcome.tags[:MOST_PRINTED]) or "that match"
    more = len(outcome.tags) - MOST_PRINTED
    tags = f"{shown} and {more:,} more" if more > 0 else shown
    verb, effect = "would be" if dry_run else "are", "made stale" if outcome.soft else "dropped"
    begin = f"Entries and pages with the tags {tags} {verb} {effect}."
    return f"{begin} {UNKNOWN if outcome.survey is None else describe_survey(outcome.survey)}"


def describe_survey(survey: Survey) -> str:
    by_name = ", ".join(f"{name} {number:,}" for name, number in survey.touched.most_common() if name != "page")
    least = "" if survey.is_complete else "at least "
    counts = f"That is {least}{survey.entries:,} entries{f' ({by_name})' if by_name else ''} and "
    sentences = [f"{counts}{survey.pages:,} pages, {in_mebibytes(survey.bytes)} in Redis."]
    if survey.in_passing:
        sentences.append(f"{survey.in_passing:,} more show a part of it in passing, and become stale.")
    if survey.already:
        sentences.append(f"{survey.already:,} were purged before.")
    return " ".join(sentences)


def describe_result(outcome: Outcome, state: WarmState | None) -> str:
    effect = "served as stale until they are loaded again" if outcome.soft else "not served again"
    sentences = [f"Done: they are {effect}, in all processes."]
    if outcome.judged:
        sentences.append(
            f"Checked {outcome.judged:,} of them against the log: {outcome.ended:,} are no longer fresh."
        )
    if outcome.soft and state is not None:
        rate = settings.WARM_RATE
        sentences.append(
            f"Process {state.pid} on {state.host} makes them again, hottest first, {rate:,} a second at most."
        )
    elif outcome.soft:
        sentences.append("No worker of this release keeps the cache warm: the next read of each makes it again.")
    return " ".join(sentences)
