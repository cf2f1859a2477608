"""Purge entries and pages. The command says what it will touch before it does, and what it did."""

import json
from argparse import ArgumentParser
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from content.caching import CacheError
from content.management import name_of_operator
from content.purging import BadSelection, Outcome, Selection, SurveyUnavailable, Trigger, run_purge
from content.purging.run import read_loop
from content.purging.sentences import UNRECORDED, describe_missing, describe_plan, describe_result

# Exit codes: nothing is stored of something that was named, or some processes may not have been reached; bad input.
FAILED, BAD_INPUT = 1, 2


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
            outcome = async_to_sync(run_purge)(
                selection_of(options),
                soft=soft,
                trigger=Trigger.COMMAND,
                started_by=name_of_operator(),
                dry_run=dry_run,
                before=announce,
            )
        except BadSelection as error:
            code = FAILED if isinstance(error, SurveyUnavailable) else BAD_INPUT
            raise CommandError(f"Nothing was purged. {error}", returncode=code) from error
        except (CacheError, RedisError, OSError) as error:
            raise CommandError(
                f"Some processes may still serve what you purged: {error}. Run the command again.", returncode=FAILED
            ) from error
        if is_json:
            self.stdout.write(json.dumps(outcome.as_data()))
        elif outcome.is_done:
            self.stdout.write(describe_result(outcome, async_to_sync(read_loop)() if soft else None))
        if outcome.is_recorded is False:
            self.stderr.write(UNRECORDED)
        fail_if_missing(outcome)


def selection_of(options: dict[str, Any]) -> Selection:
    chosen: dict[str, Any] = {name: tuple(options[name]) for name in ("tags", "patterns", "names", "urls", "groups")}
    return Selection(**chosen, everything=options["everything"])


def fail_if_missing(outcome: Outcome) -> None:
    """Exit code 1, with names that are near, if nothing is stored of something."""
    if outcome.survey is not None and not outcome.survey.is_complete and outcome.scope.has_patterns:
        raise CommandError(
            "Not all stored entries were compared with the pattern: there are too many. Run the command again with a "
            "resource or --all.",
            returncode=FAILED,
        )
    if outcome.missing:
        raise CommandError("\n".join(describe_missing(outcome)), returncode=FAILED)
