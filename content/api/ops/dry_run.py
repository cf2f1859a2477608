"""Dry runs of warming: the targets and loads of a choice, counted within a bounded time."""

import asyncio
from contextlib import aclosing

from content.api.errors import Refusal
from content.api.ops.results import WarmEstimate
from content.purging.survey_slot import survey_slot
from content.unavailable import RETRY_HEADERS
from content.warming.choice import Choice
from content.warming.estimate import Estimate, estimate
from content.warming.execution import MOST_PLANNED
from content.warming.selection import Unknown

# Seconds for a count: an operator waits for it.
SECONDS = 10.0


async def estimate_choice(choice: Choice) -> WarmEstimate:
    """Raises Refusal for a plan that no run may have, and if Redis does not answer."""
    report, is_complete = Estimate(), True
    with survey_slot():
        try:
            async with asyncio.timeout(SECONDS):
                await count(choice, report)
        except TimeoutError:
            is_complete = False
        except Unknown as error:
            raise Refusal(503, f"Redis does not answer: {error}. Check REDIS_URL.", headers=RETRY_HEADERS) from error
    nothing = "" if report.planned or not is_complete else f"Nothing was found: {choice} names no entry and no page."
    return WarmEstimate(
        plan=str(choice),
        planned=report.planned,
        loads=report.loads,
        pages=report.pages,
        seconds=round(report.seconds, 1),
        is_complete=is_complete,
        message=nothing,
    )


async def count(choice: Choice, report: Estimate) -> None:
    async with aclosing(estimate(choice, report)) as targets:  # type: ignore[type-var]
        async for _ in targets:
            if report.planned > MOST_PLANNED:
                raise Refusal(
                    422, f"These are more than {MOST_PLANNED:,} targets: no run may have them. Choose a part."
                )
