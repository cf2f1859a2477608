"""A purge in sentences for operators: its plan, its result, and the things that were not found."""

from collections.abc import Iterator

from django.conf import settings

from content.nearest import in_words
from content.purging.outcome import Outcome
from content.purging.survey import Survey
from content.warming.state import WarmState, in_mebibytes

# Tags, and things of which nothing is stored, that are named.
MOST_NAMED = 20
UNKNOWN = "How many entries that touches is not known: only a Redis that answers can list what is stored."
UNRECORDED = "This purge is not recorded, since the database did not answer. The log of this process has it."


def describe_plan(outcome: Outcome, *, dry_run: bool) -> str:
    shown = ", ".join(outcome.tags[:MOST_NAMED]) or "that match"
    more = len(outcome.tags) - MOST_NAMED
    tags = f"{shown} and {more:,} more" if more > 0 else shown
    verb, effect = "would be" if dry_run else "are", "made stale" if outcome.soft else "dropped"
    begin = f"Entries and pages with the tags {tags} {verb} {effect}."
    return f"{begin} {UNKNOWN if outcome.survey is None else describe_survey(outcome.survey)}"


def describe_survey(survey: Survey) -> str:
    by_name = ", ".join(f"{name} {number:,}" for name, number in survey.touched.most_common() if name != "page")
    least = "" if survey.is_complete else "at least "
    counts = f"That is {least}{survey.entries:,} entries{f' ({by_name})' if by_name else ''} and "
    sentences = [f"{counts}{survey.pages:,} pages, {in_mebibytes(survey.bytes)} in Redis."]
    if survey.in_passing:
        sentences.append(f"{survey.in_passing:,} more show a part of it in passing, and become stale.")
    if survey.already:
        sentences.append(f"{survey.already:,} were purged before.")
    return " ".join(sentences)


def describe_missing(outcome: Outcome) -> Iterator[str]:
    """A sentence for each thing of which nothing is stored, with names that are near."""
    shown = list(outcome.missing.items())[:MOST_NAMED]
    for item, near in shown:
        yield f"Nothing is stored of {item.label}.{in_words(near)}"
    if more := len(outcome.missing) - len(shown):
        yield f"… and of {more:,} others."


def describe_result(outcome: Outcome, state: WarmState | None) -> str:
    """`state`: of the control loop, None without one."""
    effect = "served as stale until they are loaded again" if outcome.soft else "not served again"
    sentences = [f"Done: they are {effect}, in all processes."]
    if outcome.judged:
        sentences.append(
            f"Checked {outcome.judged:,} of them against the log: {outcome.ended:,} are no longer fresh."
        )
    if outcome.reached:
        sentences.append(f"{outcome.reached:,} other processes follow the log.")
    if outcome.deaf:
        sentences.append(f"{outcome.deaf:,} do not: they serve nothing as fresh until they do.")
    if outcome.soft and state is not None:
        rate = settings.WARM_RATE
        sentences.append(
            f"Process {state.pid} on {state.host} makes them again, hottest first, {rate:,} a second at most."
        )
    elif outcome.soft:
        sentences.append("No worker of this release keeps the cache warm: the next read of each makes it again.")
    return " ".join(sentences)
