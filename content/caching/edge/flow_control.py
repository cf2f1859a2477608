"""When a connection is read from."""

from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl as UvicornFlowControl

# Requests that may wait behind the one that is answered.
MOST_WAITING = 64


class FlowControl(UvicornFlowControl):
    """Reads no further while many wait for their turn: uvicorn lets in as many again for each that is answered."""

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self.waiting = waiting

    def resume_reading(self) -> None:
        if len(self.waiting) <= MOST_WAITING:
            super().resume_reading()
