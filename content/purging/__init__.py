"""Purging on order: what is named, what is stored of it, and the records that end it."""

from content.purging.run import Outcome, purge
from content.purging.scope import Item, Scope
from content.purging.selection import BadSelection, Selection, resolve
from content.purging.survey import Survey

__all__ = ["BadSelection", "Item", "Outcome", "Scope", "Selection", "Survey", "purge", "resolve"]
