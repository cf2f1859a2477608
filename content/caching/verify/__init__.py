"""Continuous verification that what is served matches the database. See docs/verifying.md."""

from .check import Result
from .findings import FindingStore, Inconsistency
from .verifier import Options, Verifier

__all__ = ["FindingStore", "Inconsistency", "Options", "Result", "Verifier"]
