import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kombu.exceptions import OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from content import resources, warming
from content.warming import Report, Target, logged_reads
from content.warming.targets import pages

PRINTED_FAILURES = 20
NO_PAGES = "The addresses that readers use are not known: set EVERGREEN_BASE_URL or EVERGREEN_WARM_ORIGINS."
NO_READS = "No line of that file is a read of a page; see above why. Give the access log of this site."
NAMES = (*resources.BY_NAME, pages.name)


class Command(BaseCommand):
    help = (
        "Load into the cache before anyone asks: the newest and most viewed posts, the front page and what every "
        "page shows; or what is named. Exit status 1 if something could not be warmed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(NAMES)
        parser.add_argument("names", nargs="*", metavar="NAME", help=f"everything of these resources: {names}")
        parser.add_argument(
            "--url", action="append", default=[], dest="urls", help="this page, and what it is made of"
        )
        parser.add_argument("--top", type=int, help="the newest posts, and this many of the most viewed")
        parser.add_argument("--all", action="store_true", dest="everything", help="all that is public")
        parser.add_argument(
            "--from-log",
            type=Path,
            metavar="FILE",
            help="the pages in an access log of nginx or Apache (.gz too), the most read first; counts their reads",
        )
        parser.add_argument("--dry-run", action="store_true", help="list what would be warmed, and warm nothing")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--now", action="store_true", help="in this process (the default)")
        where.add_argument("--queue", action="store_true", help="leave it to a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("names", "urls", "top", "everything")}
        check(**chosen)
        if options["from_log"]:
            if options["queue"] or any(chosen.values()):
                raise CommandError("--from-log names the pages itself; leave out other choices and --queue.")
            self.warm_log(options["from_log"], **options)
            return
        if options["queue"]:
            self.enqueue(chosen)
            return
        try:
            plan = asyncio.run(warming.plan_chosen(**chosen))
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error
        self.carry_out(plan, **options)

    def warm_log(self, path: Path, **options: Any) -> None:
        if not settings.EDGE:
            raise CommandError("--from-log warms pages, and without an edge (EVERGREEN_EDGE) none is stored.")
        try:
            log = logged_reads.read_log(path)
        except OSError as error:
            raise CommandError(f"Cannot read {path}: {error.strerror or error}.") from error
        # Beside a report as JSON, on the other stream.
        (self.stderr if options["json"] else self.stdout).write(str(log))
        plan = logged_reads.plan_log(log)
        if not plan:
            raise CommandError(f"Nothing was warmed. {NO_PAGES if log.reads else NO_READS}", returncode=1)
        if not options["dry_run"]:
            asyncio.run(logged_reads.add_log(log, plan))
        self.carry_out(plan, **options)

    def carry_out(self, plan: list[Target], **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(format_plan(plan, as_json=options["json"]))
            return
        report = warm(plan, show=not options["json"])
        self.stdout.write(json.dumps(report.as_data(), indent=2) if options["json"] else f"{report}.")
        if report.failures:
            self.fail(report)

    def enqueue(self, chosen: dict[str, Any]) -> None:
        # Imported late: only this option needs Celery.
        from workers.tasks import warm as task

        try:
            task.apply_async(kwargs=chosen, retry=False)
        except OperationalError as error:
            raise CommandError(f"The queue does not answer: {error}. See CELERY_BROKER_URL.") from error
        self.stdout.write("Queued: a worker will do it.")

    def fail(self, report: Report) -> None:
        for target, reason in list(report.failures.items())[:PRINTED_FAILURES]:
            self.stderr.write(f"not warm: {target}: {reason}")
        raise CommandError(f"{len(report.failures)} of {report.total} could not be warmed.", returncode=1)


def check(names: list[str], urls: list[str], top: int | None, everything: bool) -> None:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise CommandError(f"There is no resource {', '.join(map(repr, unknown))}; there are {', '.join(NAMES)}.")
    if top is not None and top < 1:
        raise CommandError(f"--top {top}: at least 1.")


def format_plan(plan: list[Target], *, as_json: bool) -> str:
    names = [str(target) for target in plan]
    return json.dumps(names, indent=2) if as_json else "\n".join([*names, f"{len(names)} would be warmed."])


def warm(plan: list[Target], *, show: bool) -> Report:
    """Warm it, with a progress bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Warming"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (show and console.is_terminal)) as bar:
        task = bar.add_task("warm", total=len(plan))
        progress: Callable[[Report], None] = lambda report: bar.update(task, completed=report.total)  # noqa: E731
        return asyncio.run(warming.warm(plan, progress=progress))
