"""The worker of runs: the owner of the control loop takes the oldest active run that no process works on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, InterfaceError, close_old_connections
from django.utils import timezone

from content.caching.release import release_digest
from content.models import WarmRun
from content.warming.execution import execute
from content.warming.load_control import LoadControl
from content.warming.loading import ENTRIES_AT_ONCE
from content.warming.run import Progress, Report, split, warm
from content.warming.run_lease import CacheAway, lease_store, owner_lease
from content.warming.switch import Switch
from content.warming.targets import Target, pages

logger = logging.getLogger(__name__)

# Seconds between two looks, and for which a release without an owner of the loop keeps its runs.
LOOK, ADOPTED_AFTER = 1.0, 30.0
MOST_LOOKED_AT = 100
# Pages that are made at once, as one load.
PAGES_AT_ONCE = 8
TWICE = "A run of the new release has the same choice."


class RunQueue:
    """Works within the budget of the loop, whose switch stops it too."""

    def __init__(self, control: LoadControl, switch: Switch) -> None:
        self.control = control
        self.switch = switch

    async def work(self) -> None:
        """Work on one run, or wait for a second."""
        await sync_to_async(close_old_connections)()
        try:
            async for pk in list_waiting():
                if await execute(pk, by=self.warm):
                    return
        except (DatabaseError, InterfaceError, CacheAway) as error:
            logger.info("Cannot look for runs of warming; retrying: %s", error)
        await asyncio.sleep(LOOK)

    async def warm(self, plan: Sequence[Target], *, margin: float, progress: Progress) -> Report:
        """Like `run.warm`, in small batches: each is a load of the budget."""
        report = Report()
        for batch in split_loads(plan):
            await self.switch.wait_until_on()
            async with self.control.turn(f"run of {batch[0].resource.name}", len(batch)):
                part = await warm(batch, margin=margin)
            if part.failed:
                self.control.shrink(0.5)
            report.add(part)
            progress(report)
        return report


def split_loads(plan: Sequence[Target]) -> list[list[Target]]:
    """Batches of one resource each, in the order of the plan: pages come after the entries that they show."""
    by_name: dict[str, list[Target]] = {}
    for target in plan:
        by_name.setdefault(target.resource.name, []).append(target)
    made = by_name.pop(pages.name, [])
    entries = [batch for some in by_name.values() for batch in split(some, ENTRIES_AT_ONCE)]
    return entries + split(made, PAGES_AT_ONCE)


async def list_waiting() -> AsyncIterator[int]:
    """The active runs, the oldest first: of this release, and of one that no worker has any more."""
    own = release_digest()
    active = WarmRun.objects.filter(state__in=WarmRun.ACTIVE).exclude(trigger=WarmRun.Trigger.LOOP).order_by("pk")
    for run in [run async for run in active.only("pk", "release", "heartbeat_at", "created_at")[:MOST_LOOKED_AT]]:
        if run.release == own or await adopt(run):
            yield run.pk


async def adopt(run: WarmRun) -> bool:
    """Take a run over from a release without an owner of the loop. It begins anew: this release has other entries."""
    last = run.heartbeat_at or run.created_at
    if timezone.now() - last < timedelta(seconds=ADOPTED_AFTER):
        return False
    if await lease_store().holder(owner_lease(run.release)) is not None:
        return False
    anew = dict.fromkeys(("fresh", "warmed", "failed", "skipped", "pages"), 0)
    theirs = WarmRun.objects.filter(pk=run.pk, release=run.release, state__in=WarmRun.ACTIVE)
    try:
        return bool(await theirs.aupdate(release=release_digest(), checkpoint=None, planned=None, **anew))
    except IntegrityError:
        await theirs.aupdate(state=WarmRun.State.CANCELLED, message=TWICE, ended_at=timezone.now())
        return False
