"""The ways of writing, by name."""

from tests.support.flows.ways import links, orm, programs, raw, service, terms, transactions  # noqa: F401  # each adds its own
from tests.support.flows.ways.way import WAYS, WayOfWriting

__all__ = ["WAYS", "WayOfWriting"]
