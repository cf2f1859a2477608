"""Limit how many pipelined requests are read from a connection."""

from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl as UvicornFlowControl

# Pipelined requests that may wait behind the current one.
MOST_WAITING = 64


class FlowControl(UvicornFlowControl):
    """Pause reading while many requests wait. uvicorn alone would read more after each response."""

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self.waiting = waiting

    def resume_reading(self) -> None:
        if len(self.waiting) <= MOST_WAITING:
            super().resume_reading()
