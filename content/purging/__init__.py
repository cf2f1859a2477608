"""Purging on order: what is named, what is stored of it, and the records that end it."""

from content.purging.outcome import Outcome
from content.purging.row import Trigger, describe_purge
from content.purging.run import run_purge
from content.purging.scope import Item, Scope
from content.purging.selection import BadSelection, Selection, SurveyUnavailable, read_selection
from content.purging.survey import Survey

__all__ = [
    "BadSelection",
    "Item",
    "Outcome",
    "Scope",
    "Selection",
    "Survey",
    "SurveyUnavailable",
    "Trigger",
    "describe_purge",
    "read_selection",
    "run_purge",
]
