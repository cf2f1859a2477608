"""Warming: load entries and pages before anyone asks for them, and prove that they are fresh."""

from content.warming.catalogue import Chunk, catalogue
from content.warming.chosen import warm_chosen
from content.warming.plan import plan_chosen
from content.warming.run import Report, warm
from content.warming.targets import Target

__all__ = [
    "Chunk",
    "Report",
    "Target",
    "catalogue",
    "plan_chosen",
    "warm",
    "warm_chosen",
]
