"""The application behind an edge, how it is cached, and where its pages are stored."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..engine import Engine
from ..engines import engine_of, local_engine
from .asgi import Application
from .page_store import PageStore
from .profile import Profile
from .representation import fields_without_tags
from .rules.fields import CacheStatus, Field, Fields


class Origin:
    """`cache`: the alias of the engine that stores the pages. Without it: memory of this process, `memory` bytes."""

    def __init__(self, app: Application, profile: Profile, cache: str | None, memory: int) -> None:
        self.app = app
        self.profile = profile
        self._alias = cache
        self._own = local_engine(memory) if cache is None else None

    @property
    def engine(self) -> Engine:
        return self._own if self._own is not None else engine_of(self._alias or "default")

    @property
    def page_store(self) -> PageStore:
        return PageStore(self.engine)

    def clock(self) -> float:
        return self.engine.clock()

    def start_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it in the background; the event loop's state holds the task."""
        return self.engine.loop_state().begin(work)

    def outgoing_fields(self, fields: Fields, cache_status: CacheStatus) -> list[Field]:
        """Fields of a response that is passed on, or sent before it is complete."""
        return [
            *fields_without_tags(fields, self.profile).pairs,
            (b"cache-status", cache_status.encode(self.profile.name)),
        ]
