"""Queries of pages and measurements: they run where loads run, on threads that keep their connections."""

from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

from content.caching.engines import engine_of
from content.warming.state import ALIAS

T = TypeVar("T")


async def query(function: Callable[[], T]) -> T:
    """Call a function that reads the database. Raises its errors."""
    call: Any = sync_to_async(function)
    return await engine_of(ALIAS).loop_state().executor.run(lambda: call())
