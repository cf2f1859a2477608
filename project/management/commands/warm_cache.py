import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from content.management import name_of_operator
from content.models import WarmRun
from content.warming import Target, logged_reads
from content.warming.access_log import AccessLog
from content.warming.choice import MOST_TOP, NAMES, Choice, ChoiceError, check_choice, read_choice
from content.warming.estimate import Estimate, count_loads, estimate
from content.warming.origins import UNKNOWN
from content.warming.runs import STEERING, Trigger, describe_run, is_success, start_run, summarize_run
from content.warming.selection import Unknown
from content.warming.switch import DEFAULT_PAUSE, LONGEST_PAUSE, go_on, pause
from project.warming.crew import MOST_PROCESSES
from project.warming.operator import SMALL_SITE, count_processes, follow, steer, work_on
from project.warming.progress import progress_on_stderr

PRINTED_FAILURES = 20
VERBS = (*STEERING, "retry")
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
        "page shows; or what is named. Exit status 1 if something could not be warmed, or nothing was found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(NAMES)
        parser.add_argument("names", nargs="*", metavar="NAME", help=f"everything of these resources: {names}")
        parser.add_argument("--url", action="append", default=[], dest="urls", help="a page, and what it is made of")
        parser.add_argument("--tag", action="append", default=[], dest="tags", help="what is stored with this tag")
        parser.add_argument(
            "--pattern",
            action="append",
            default=[],
            dest="patterns",
            help="pages whose path matches, as '/posts/2026-*', or entries whose name does, as 'listing:tag,*'",
        )
        parser.add_argument(
            "--top", type=int, help=f"the newest posts, and so many of the most viewed; 1 to {MOST_TOP:,}"
        )
        parser.add_argument("--stale", action="store_true", help="only what is stored and not fresh any more")
        parser.add_argument("--all", action="store_true", dest="everything", help="all that is public")
        parser.add_argument(
            "--from-log",
            type=Path,
            metavar="FILE",
            help="the pages in an access log of nginx or Apache (.gz too), the most read first; counts their reads",
        )
        parser.add_argument(
            "--processes", type=int, help=f"by default one a core for a large choice, one below {SMALL_SITE} posts"
        )
        parser.add_argument("--dry-run", action="store_true", help="list what would be warmed, and warm nothing")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--now", action="store_true", help="in this process (the default)")
        where.add_argument("--queue", action="store_true", help="leave it to a worker")
        parser.add_argument("--wait", action="store_true", help="with --queue or --run: until the run has ended")
        runs = parser.add_argument_group("runs that were started")
        runs.add_argument("--run", type=int, metavar="ID", help="show this run; or steer it:")
        for verb in VERBS:
            text = "start a run of its failures" if verb == "retry" else f"{verb} it"
            if verb != "pause":
                runs.add_argument(f"--{verb}", action="append_const", const=verb, dest="verbs", help=text)
        runs.add_argument(
            "--pause",
            type=int,
            nargs="?",
            const=DEFAULT_PAUSE,
            metavar="SECONDS",
            help="with --run pause it; else stop background warming in all workers, for an hour or SECONDS",
        )
        runs.add_argument("--go-on", action="store_true", help="end a pause of background warming")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        if options["run"] is not None:
            self.steer(options)
        elif options["verbs"]:
            raise CommandError(f"--{options['verbs'][0]} needs --run ID.")
        elif options["pause"] is not None or options["go_on"]:
            self.stdout.write(turn_switch(options["pause"]))
        else:
            self.start(options)

    def steer(self, options: dict[str, Any]) -> None:
        verbs = [*(options["verbs"] or ()), *(["pause"] if options["pause"] is not None else ())]
        if len(verbs) > 1:
            raise CommandError(f"Give one of --{' and --'.join(verbs)}.")
        run, happened = steer(options["run"], verbs[0] if verbs else None, name_of_operator())
        if options["wait"]:
            with self.progress() as progress:
                run = follow(run, progress)
        if self.as_json or not happened:
            self.print_run(run)
        else:
            self.stdout.write(happened)
        if options["wait"]:
            self.judge(run)

    # --- starting -----------------------------------------------------------------------------------

    def start(self, options: dict[str, Any]) -> None:
        if options["processes"] is not None and not 1 <= options["processes"] <= MOST_PROCESSES:
            raise CommandError(f"--processes {options['processes']}: 1 to {MOST_PROCESSES}.")
        choice, log = choose(options), None
        if options["from_log"]:
            if choice != Choice():
                raise CommandError("--from-log names the pages itself; leave out other choices.")
            log = self.read_log(options["from_log"])
            choice = Choice(log=options["from_log"].name[:100])
        if options["dry_run"]:
            try:
                asyncio.run(self.list_targets(choice, log))
            except Unknown as error:
                raise CommandError(f"Redis does not answer: {error}. Check REDIS_URL.") from error
            return
        if settings.CACHES["default"]["BACKEND"].endswith(".LocMemCache"):
            raise CommandError(OWN_MEMORY)
        if log is not None:
            asyncio.run(count_reads(log))
        run, is_new = start_run(
            choice,
            trigger=Trigger.COMMAND,
            started_by=name_of_operator(),
            addresses=log.hottest if log is not None else (),
        )
        if not is_new:
            self.stderr.write(f"Run {run.pk} of {run.started_by or run.trigger} does the same, so it is this run:")
        self.finish(run, choice, options)

    def finish(self, run: WarmRun, choice: Choice, options: dict[str, Any]) -> None:
        if options["queue"] and not options["wait"]:
            text = f"Queued as run {run.pk}: a worker does it. `warm_cache --run {run.pk}` shows how far it is."
            self.stdout.write(json.dumps(describe_run(run), indent=2) if self.as_json else text)
            return
        with self.progress() as progress:
            if options["queue"]:
                run = follow(run, progress)
            else:
                processes = count_processes(options["processes"], is_large=choice.searches)
                run = work_on(run, processes, progress)
        self.print_run(run)
        self.judge(run)

    def read_log(self, path: Path) -> AccessLog:
        if not settings.EDGE:
            raise CommandError("--from-log warms pages, and without an edge (EVERGREEN_EDGE) none is stored.")
        try:
            log = logged_reads.read_log(path)
        except OSError as error:
            raise CommandError(f"Cannot read {path}: {error.strerror or error}.") from error
        # Beside a report as JSON, on the other stream.
        (self.stderr if self.as_json else self.stdout).write(str(log))
        if not log.reads:
            raise CommandError(NO_READS, returncode=1)
        if not asyncio.run(logged_reads.plan_log(log)):
            raise CommandError(UNKNOWN, returncode=1)
        return log

    async def list_targets(self, choice: Choice, log: AccessLog | None) -> None:
        """Line by line: the catalogue of a large site does not fit into memory."""
        report = Estimate()
        names = estimate(choice, report) if log is None else names_of(await logged_reads.plan_log(log), report)
        count = 0
        if self.as_json:
            self.stdout.write('{"targets": [', ending="")
        async for name in names:
            text = f"{',' if count else ''}\n  {json.dumps(name)}" if self.as_json else f"{name}\n"
            self.stdout.write(text, ending="")
            count += 1
        if self.as_json:
            seconds = round(report.seconds, 1)
            self.stdout.write(f'\n], "planned": {report.planned}, "loads": {report.loads}, "seconds": {seconds}}}')
        else:
            self.stdout.write(str(report))
        if not report.planned:
            raise CommandError(f"Nothing was found: {choice} names no entry and no page.", returncode=1)

    # --- reporting ----------------------------------------------------------------------------------

    def progress(self) -> Any:
        return progress_on_stderr(is_shown=not self.as_json)

    def print_run(self, run: WarmRun) -> None:
        self.stdout.write(json.dumps(describe_run(run), indent=2) if self.as_json else summarize_run(run))

    def judge(self, run: WarmRun) -> None:
        """Raises CommandError with status 1 unless all is warm."""
        if is_success(run):
            return
        for target, reason in run.failures.values_list("target", "reason")[:PRINTED_FAILURES]:
            self.stderr.write(f"not warm: {target}: {reason}")
        if run.failed:
            retry = f"`warm_cache --run {run.pk} --retry` tries them again."
            raise CommandError(f"{run.failed} of {run.done} could not be warmed. {retry} {run.message}", returncode=1)
        resume = "" if run.state == run.State.DONE else f" `warm_cache --run {run.pk} --resume` goes on."
        raise CommandError(f"{run.message or summarize_run(run)}{resume}", returncode=1)


def choose(options: dict[str, Any]) -> Choice:
    """Raises CommandError for a choice that cannot be warmed."""
    names = ("names", "urls", "tags", "patterns", "top", "everything", "stale")
    try:
        return async_to_sync(check_choice)(read_choice({name: options[name] for name in names}))
    except ChoiceError as error:
        raise CommandError(str(error)) from error


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


async def count_reads(log: AccessLog) -> None:
    await logged_reads.add_log(log, await logged_reads.plan_log(log))


async def names_of(plan: list[Target], report: Estimate) -> AsyncIterator[str]:
    await count_loads(plan, report)
    for target in plan:
        yield str(target)
