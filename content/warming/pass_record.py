"""A pass of the control loop that had much to do, as a row beside the runs of operators."""

import logging
import os
import secrets
import socket
import time
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from content.caching.release import release_digest
from content.models import WarmRun

logger = logging.getLogger(__name__)

State = WarmRun.State
# Entries that a pass loads before it has a row, and seconds between two reports to the row.
MUCH, REPORT_EVERY = 200, 1.0
INTERRUPTED = "The process that ran this pass has ended. The next pass goes on with what is cold."


class PassRecord:
    """`name`: of the pass, as "hot set"."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = self.reported_at = time.monotonic()
        self.warmed = 0
        self.run: WarmRun | None = None

    async def add(self, warmed: int, *, planned: int, cold: int) -> None:
        """Add so many that were loaded and read back. `cold` of the `planned` entries are not fresh yet."""
        now = time.monotonic()
        if not self.warmed:
            self.began = now
        self.warmed += warmed
        if self.warmed >= MUCH and (self.run is None or now - self.reported_at >= REPORT_EVERY):
            self.reported_at = now
            await self._write(planned=planned, fresh=max(0, planned - cold - self.warmed))

    async def end(self, *, planned: int, failed: int, left_out: int = 0) -> None:
        """Close the row of this pass. `left_out`: entries without room in the budget."""
        if self.run is not None:
            fresh = max(0, planned - failed - left_out - self.warmed)
            ended = {"state": State.DONE, "ended_at": timezone.now()}
            await self._write(planned=planned, fresh=fresh, failed=failed, skipped=left_out, **ended)
        self.warmed, self.run = 0, None

    async def _write(self, **fields: Any) -> None:
        """Warming goes on where the row cannot be written."""
        fields |= {"warmed": self.warmed, "seconds": time.monotonic() - self.began, "heartbeat_at": timezone.now()}
        try:
            if self.run is None:
                self.run = await self._create()
            await WarmRun.objects.filter(pk=self.run.pk).aupdate(**fields)
        except (DatabaseError, InterfaceError) as error:
            logger.debug("A pass of warming cannot report to the database: %s", error)

    async def _create(self) -> WarmRun:
        mine = {"trigger": WarmRun.Trigger.LOOP, "started_by": self.name, "release": release_digest()}
        interrupted = WarmRun.objects.filter(**mine, state=State.RUNNING)
        await interrupted.aupdate(state=State.STOPPED, message=INTERRUPTED, ended_at=timezone.now())
        return await WarmRun.objects.acreate(
            **mine,
            digest=secrets.token_hex(16),
            state=State.RUNNING,
            started_at=timezone.now(),
            worker=f"{socket.gethostname()}:{os.getpid()}"[:150],
        )
