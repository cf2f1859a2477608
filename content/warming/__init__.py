"""Warm: load before anyone asks. What, in which order, and the proof that it is there."""

from content.warming.jobs import plan_chosen, warm_chosen, warm_everything, warm_popular
from content.warming.run import Report, warm
from content.warming.target import Target

__all__ = ["Report", "Target", "plan_chosen", "warm", "warm_chosen", "warm_everything", "warm_popular"]
