"""Warm what is chosen at once, without a row: for code of your own, which waits for the report."""

from collections.abc import Iterable
from functools import partial

from content.warming.catalogue import choose_hot
from content.warming.choice import Choice
from content.warming.run import MARGIN, Progress, Report, ignore_progress, warm
from content.warming.steps import Steps


async def warm_chosen(
    names: Iterable[str] = (),
    urls: Iterable[str] = (),
    *,
    top: int | None = None,
    everything: bool = False,
    margin: float = MARGIN,
    progress: Progress = ignore_progress,
) -> Report:
    """Resources by name, pages by path, the `top` most viewed, or everything; the popular if nothing is chosen."""
    choice = Choice(names=tuple(names), urls=tuple(urls), top=top, everything=everything)
    report = Report()
    async for step in Steps(choice, await choose_hot()).list():
        report.add(await warm(step.targets, margin=margin, progress=partial(show_sum, progress, report)))
    return report


def show_sum(progress: Progress, before: Report, part: Report) -> None:
    total = Report()
    total.add(before)
    total.add(part)
    progress(total)
