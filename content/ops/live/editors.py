"""The editors of each post, in Redis: one field for each process, which expires with it."""

import logging
import secrets
import time
from collections.abc import Sequence

import msgspec
from redis.exceptions import RedisError, ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.errors import Unreadable
from content.caching.metrics.events import emit
from content.caching.serializer import decode
from content.ops.state.site_redis import Execute

logger = logging.getLogger(__name__)

# Seconds after which the editors of a process that died are not shown.
LIVES = 15.0
# Processes, editors of one process and post, characters of a name, and bytes of a field.
MOST_PROCESSES, MOST_EDITORS, LONGEST_NAME, LARGEST = 256, 64, 300, 64 * 1024


class Editor(msgspec.Struct, frozen=True):
    """`form`: one browser window."""

    form: str
    user: int
    name: str


class Report(msgspec.Struct, frozen=True):
    """The editors of one process and post. `at`: Unix seconds."""

    at: float
    editors: list[Editor]


_reports = msgspec.json.Decoder(Report)


class Editors:
    """`execute`: None where there is no Redis. Its methods never raise for a Redis that is down."""

    def __init__(self, execute: Execute | None, prefix: str) -> None:
        self.execute = execute
        self.prefix = prefix
        self.process = secrets.token_hex(8)

    def key(self, post: int) -> str:
        return f"{self.prefix}:editors:{post}"

    async def store(self, post: int, editors: Sequence[Editor]) -> None:
        """Those of this process."""
        try:
            await self._store(post, editors)
        except (RedisError, OSError) as error:
            logger.debug("Editors of other processes do not see those of this one, because Redis is down: %s", error)

    async def _store(self, post: int, editors: Sequence[Editor]) -> None:
        if self.execute is None:
            return
        key = self.key(post)
        try:
            if not editors:
                await self.execute("HDEL", key, self.process)
                return
            report = Report(time.time(), list(editors[:MOST_EDITORS]))
            await self.execute("HSET", key, self.process, msgspec.json.encode(report))
            await self.execute("PEXPIRE", key, int(LIVES * 1000))
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            # Something else wrote there. The next look stores the editors.
            await self.execute("UNLINK", key)

    async def read_others(self, post: int) -> list[Editor]:
        """Those of other processes; none while Redis is down."""
        if self.execute is None:
            return []
        key = self.key(post)
        try:
            if await self.execute("HLEN", key) > MOST_PROCESSES:
                emit("unreadable", "live", tier="editors")
                return []
            fields = await self.execute("HGETALL", key)
        except (RedisError, OSError) as error:
            logger.debug("Editors of other processes are not shown, because Redis is down: %s", error)
            return []
        pairs = fields.items() if isinstance(fields, dict) else zip(fields[::2], fields[1::2], strict=False)
        own = self.process.encode()
        return [editor for name, content in pairs if name != own for editor in _read_report(content)]


def _read_report(content: bytes) -> list[Editor]:
    try:
        report = decode(_reports.decode, content) if len(content) <= LARGEST else None
    except Unreadable:
        report = None
    if report is None:
        emit("unreadable", "live", tier="editors")
        return []
    if abs(time.time() - report.at) > LIVES:
        return []
    return [each for each in report.editors[:MOST_EDITORS] if len(each.name) <= LONGEST_NAME]
