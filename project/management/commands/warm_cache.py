import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kombu.exceptions import OperationalError

from content import resources, warming
from content.models import Post
from content.warming import Report, Target, logged_reads
from content.warming.origins import UNKNOWN, origins_of_site
from content.warming.run import Progress
from content.warming.switch import DEFAULT_PAUSE, LONGEST_PAUSE, go_on, pause
from content.warming.targets import pages, plan_pages
from project.warming.crew import MOST_PROCESSES, HelperFailed, count_cores, warm_catalogue_by
from project.warming.progress import progress_on_stderr

PRINTED_FAILURES = 20
NAMES = (*resources.BY_NAME, pages.name)
# A second process takes a second to start: with fewer posts, one process is as quick.
SMALL_SITE = 200
NO_READS = (
    "Nothing was warmed: no line of that file is a read of a page; see above why. Give the access log of this site."
)
OWN_MEMORY = (
    "Nothing was warmed: the cache (CACHE_URL) is the memory of each process, so that no server would see what this "
    "command loads. Set CACHE_URL or REDIS_URL to a cache that processes share."
)


class Command(BaseCommand):
    help = (
        "Load into the cache before anyone asks: the newest and most viewed posts, the front page and what every "
        "page shows; or what is named. Exit status 1 if something could not be warmed, or no page was."
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
            "--processes", type=int, help=f"with --all; by default one a core, one below {SMALL_SITE} posts"
        )
        parser.add_argument(
            "--from-log",
            type=Path,
            metavar="FILE",
            help="the pages in an access log of nginx or Apache (.gz too), the most read first; counts their reads",
        )
        parser.add_argument("--dry-run", action="store_true", help="list what would be warmed, and warm nothing")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
        parser.add_argument(
            "--pause",
            type=int,
            nargs="?",
            const=DEFAULT_PAUSE,
            metavar="SECONDS",
            help="stop background warming in all workers, for an hour unless SECONDS are given",
        )
        parser.add_argument("--go-on", action="store_true", help="end a pause of background warming")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--now", action="store_true", help="in this process (the default)")
        where.add_argument("--queue", action="store_true", help="leave it to a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["pause"] is not None or options["go_on"]:
            self.stdout.write(turn_switch(options["pause"]))
            return
        chosen = {name: options[name] for name in ("names", "urls", "top", "everything")}
        check(processes=options["processes"], **chosen)
        if options["from_log"]:
            if options["queue"] or any(chosen.values()):
                raise CommandError("--from-log names the pages itself; leave out other choices and --queue.")
            self.warm_log(options["from_log"], is_dry=options["dry_run"], as_json=options["json"])
            return
        try:
            if options["dry_run"]:
                asyncio.run(self.list_targets(list_names(**chosen), as_json=options["json"]))
            elif options["queue"]:
                self.enqueue(chosen)
            else:
                self.warm(chosen, processes=options["processes"], as_json=options["json"])
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error

    def warm_log(self, path: Path, *, is_dry: bool, as_json: bool) -> None:
        if not settings.EDGE:
            raise CommandError("--from-log warms pages, and without an edge (EVERGREEN_EDGE) none is stored.")
        try:
            log = logged_reads.read_log(path)
        except OSError as error:
            raise CommandError(f"Cannot read {path}: {error.strerror or error}.") from error
        # Beside a report as JSON, on the other stream.
        (self.stderr if as_json else self.stdout).write(str(log))
        plan = asyncio.run(logged_reads.plan_log(log))
        if not plan:
            raise CommandError(UNKNOWN if log.reads else NO_READS, returncode=1)
        if is_dry:
            asyncio.run(self.list_targets(names_of(plan), as_json=as_json))
            return
        asyncio.run(logged_reads.add_log(log, plan))
        with progress_on_stderr(is_shown=not as_json) as progress:
            self.report(asyncio.run(warming.warm(plan, progress=progress)), as_json=as_json)

    async def list_targets(self, names: AsyncIterator[str], *, as_json: bool) -> None:
        """Line by line: the catalogue of a large site does not fit into memory."""
        count = 0
        async for name in names:
            self.stdout.write(
                f"{',' if count else '['}\n  {json.dumps(name)}" if as_json else name, ending="" if as_json else "\n"
            )
            count += 1
        self.stdout.write(("\n]" if count else "[]") if as_json else f"{count} would be warmed.")

    def enqueue(self, chosen: dict[str, Any]) -> None:
        # Imported late: only this option needs Celery.
        from workers.tasks import warm as task

        try:
            task.apply_async(kwargs=chosen, retry=False)
        except OperationalError as error:
            raise CommandError(f"The queue does not answer: {error}. See CELERY_BROKER_URL.") from error
        self.stdout.write("Queued: a worker will do it.")

    def warm(self, chosen: dict[str, Any], *, processes: int | None, as_json: bool) -> None:
        if settings.CACHES["default"]["BACKEND"].endswith(".LocMemCache"):
            raise CommandError(OWN_MEMORY)
        try:
            with progress_on_stderr(is_shown=not as_json) as progress:
                report = run(chosen, processes, progress)
        except HelperFailed as error:
            raise CommandError(str(error), returncode=1) from error
        self.report(report, as_json=as_json)
        if settings.EDGE and wants_pages(**chosen) and not asyncio.run(origins_of_site()):
            raise CommandError(UNKNOWN, returncode=1)

    def report(self, report: Report, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(report.as_data(), indent=2) if as_json else f"{report}.")
        if not report.failed:
            return
        for target, reason in list(report.failures.items())[:PRINTED_FAILURES]:
            self.stderr.write(f"not warm: {target}: {reason}")
        raise CommandError(f"{report.failed} of {report.total} could not be warmed.", returncode=1)


def turn_switch(seconds: int | None) -> str:
    """Pause background warming for so many seconds, or with None end the pause. Returns what to print."""
    if seconds is not None and not 1 <= seconds <= LONGEST_PAUSE:
        raise CommandError(f"--pause {seconds}: from 1 to {LONGEST_PAUSE} seconds.")
    try:
        asyncio.run(pause(seconds) if seconds is not None else go_on())
    except Exception as error:
        raise CommandError(f"Cannot reach the cache: {error}. Check REDIS_URL.") from error
    if seconds is None:
        return "Background warming goes on within two seconds."
    return f"Background warming pauses within two seconds, for {seconds} seconds. End it with warm_cache --go-on."


def check(names: list[str], urls: list[str], top: int | None, everything: bool, processes: int | None) -> None:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise CommandError(f"There is no resource {', '.join(map(repr, unknown))}; there are {', '.join(NAMES)}.")
    if top is not None and top < 1:
        raise CommandError(f"--top {top}: at least 1.")
    if processes is not None and not 1 <= processes <= MOST_PROCESSES:
        raise CommandError(f"--processes {processes}: 1 to {MOST_PROCESSES}.")


def run(chosen: dict[str, Any], processes: int | None, progress: Progress) -> Report:
    """With several processes if it is everything, of a site that is worth them."""
    if chosen["everything"]:
        count = processes or (count_cores() if Post.objects.count() >= SMALL_SITE else 1)
        if count > 1:
            return warm_catalogue_by(min(count, MOST_PROCESSES), progress=progress)
    return asyncio.run(warming.warm_chosen(**chosen, progress=progress))


def wants_pages(names: list[str], urls: list[str], top: int | None, everything: bool) -> bool:
    """False if only resources are named."""
    return pages.name in names or not names or bool(urls) or top is not None or everything


async def names_of(plan: list[Target]) -> AsyncIterator[str]:
    for target in plan:
        yield str(target)


async def list_names(names: list[str], urls: list[str], top: int | None, everything: bool) -> AsyncIterator[str]:
    """The keys of all that would be warmed, in order."""
    if urls or top is not None or not (names or everything):
        for target in await warming.plan_chosen(urls, top=top):
            yield str(target)
    if names or everything:
        async for chunk in warming.catalogue():
            for target in [*chunk.entries, *await plan_pages(chunk.paths)]:
                if everything or target.resource.name in names:
                    yield str(target)
