"""Inconsistencies that checks have found, kept in Redis for operators."""

import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from redis.exceptions import RedisError

from ..backends.connection import connection_to
from ..backends.server import Server
from ..errors import Unreadable
from ..serializer import decode

logger = logging.getLogger("content.caching")

MOST = 100
KEPT_SECONDS = 7 * 24 * 3600


class Inconsistency(msgspec.Struct, frozen=True):
    """An entry that a reader would have got as fresh, and the database says otherwise.

    `at`: Unix seconds. `position`: of the entry. `tail`: how far the process had read the log. `record`: the record
    that led to the check, "" for an entry chosen at random. `log`: records of its tags, and those around it.
    """

    at: float
    key: str
    resource: str
    tier: str
    reason: str
    difference: str
    tags: tuple[str, ...]
    epoch: str
    position: str
    tail: str
    record: str
    log: tuple[str, ...]
    repaired: bool

    def __str__(self) -> str:
        cause = f"checked after record {self.record}" if self.record else "chosen at random"
        repair = "It was loaded again." if self.repaired else "It could not be repaired."
        return (
            f"{self.key} in {self.tier}: {self.reason}, {cause}. {self.difference} "
            f"Position {self.position}, log read up to {self.tail}. {repair}"
        )


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Inconsistency)


class FindingStore:
    """The newest hundred, for a week."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.key = f"{{{prefix}:verify}}:found"

    async def add(self, found: Inconsistency) -> None:
        logger.error("The cache is inconsistent: %s Records: %s", found, "; ".join(found.log) or "none known")
        connection = connection_to(self.server)
        try:
            await connection.execute("LPUSH", self.key, _encode(found))
            await connection.execute("LTRIM", self.key, 0, MOST - 1)
            await connection.execute("EXPIRE", self.key, KEPT_SECONDS)
        except (RedisError, OSError) as error:
            logger.warning("Cannot reach Redis to keep an inconsistency that was found: %s", error)

    def read(self) -> list[Inconsistency]:
        """The newest first. Raises RedisError or OSError."""
        with self.server.sync_client() as client:
            return decode_findings(client.lrange(self.key, 0, MOST - 1))


def decode_findings(contents: Sequence[bytes]) -> list[Inconsistency]:
    """Without those of other releases."""
    found = list[Inconsistency]()
    for content in contents:
        with suppress(Unreadable):
            found.append(decode(_decoder.decode, content))
    return found
