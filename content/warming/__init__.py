"""Warming: load entries and pages before anyone asks for them, and prove that they are fresh."""

from content.warming.plan import plan_chosen
from content.warming.run import Report, warm, warm_chosen
from content.warming.targets import Target

__all__ = ["Report", "Target", "plan_chosen", "warm", "warm_chosen"]
