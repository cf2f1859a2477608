"""Orders of the dashboard, carried out by the functions that the commands, the API and the admin call too."""

import logging

from redis.exceptions import RedisError

from content.caching import CacheError
from content.models import WarmRun
from content.ops.state.database import query
from content.purging import Outcome, Selection, run_purge
from content.purging import Trigger as PurgeTrigger
from content.purging.survey_slot import survey_slot
from content.warming.choice import Choice, check_choice
from content.warming.runs import STEERING, SteeringError, Trigger, find_run, retry_run, start_run

logger = logging.getLogger(__name__)

RETRY = "retry"
VERBS = (*STEERING, RETRY)
FAILURES = (CacheError, RedisError, OSError)


async def order_run(choice: Choice, name: str) -> tuple[WarmRun, bool]:
    """The run, and whether it is new. Raises ChoiceError, and errors of the database."""
    checked = await check_choice(choice)
    run, is_new = await query(lambda: start_run(checked, trigger=Trigger.ADMIN, started_by=name))
    logger.info("%s ordered run %d of warming on the dashboard: %s.", name, run.pk, checked)
    return run, is_new


async def steer_run(pk: int, verb: str, name: str) -> str:
    """Return a sentence about the result. Raises SteeringError, and errors of the database."""
    text = await query(lambda: steer(pk, verb, name))
    logger.info("%s ordered on the dashboard to %s run %d of warming: %s", name, verb, pk, text)
    return text


def steer(pk: int, verb: str, name: str) -> str:
    if verb not in VERBS:
        raise SteeringError(f"{verb[:20]!r} is none of {', '.join(VERBS)}.")
    run = find_run(pk)
    if verb != RETRY:
        return STEERING[verb](run)
    new, _ = retry_run(run, trigger=Trigger.ADMIN, started_by=name)
    return f"Run {new.pk} retries the failures of run {run.pk}."


async def order_purge(selection: Selection, name: str, *, soft: bool, dry_run: bool) -> Outcome:
    """Raises BadSelection if nothing can be purged; CacheError, RedisError or OSError if it may be incomplete."""
    with survey_slot():
        return await run_purge(selection, soft=soft, trigger=PurgeTrigger.ADMIN, started_by=name, dry_run=dry_run)
