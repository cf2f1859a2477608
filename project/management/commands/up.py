import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.settings import env
from project.supervision import CannotStart
from project.supervisor import checks
from project.supervisor.supervisor import Plan, Supervisor
from project.supervisor.terminal import ColourTerminal, JsonTerminal

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Run the whole service in this terminal: Redis, worker, beat and web server. Ctrl-C ends it."
    # Each check below prints one sentence. Django's own checks would come first, with a traceback.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--import",
            type=Path,
            dest="import_path",
            help="a folder of Markdown, or a WordPress export (.xml), to import first",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = self.plan(options["port"], options["import_path"])
            with checks.lock_state_folder(plan.state_dir):
                status = asyncio.run(self.supervise(plan))
        except CannotStart as error:
            raise CommandError(str(error)) from error
        if status:
            raise SystemExit(status)

    def plan(self, port: int, import_path: Path | None) -> Plan:
        """Raises CannotStart for each failure that can be known before anything is started."""
        if import_path is not None and not import_path.exists():
            raise CannotStart(f"There is no {import_path} to import.")
        redis_url = env.REDIS_URL
        checks.check_state_folder(settings.STATE_DIR)
        checks.check_port(HOST, port)
        checks.check_database()
        if redis_url:
            checks.check_redis(redis_url)
        return Plan(
            settings.BASE_DIR, HOST, port, settings.STATE_DIR, redis_url, import_path and import_path.resolve()
        )

    async def supervise(self, plan: Plan) -> int:
        terminal = JsonTerminal() if settings.LOG_FORMAT == "json" else ColourTerminal()
        return await Supervisor(plan, terminal).run()
