"""The releases that use a Redis. Each process announces its release, and the kinds of keys that it reads."""

import logging
import time

import msgspec
from redis.exceptions import RedisError

from .backends.server import Server
from .declarations import kinds, resources
from .errors import Unreadable
from .release import release_digest, release_name
from .serializer import decode

logger = logging.getLogger("content.caching")

# The field of processes without a release.
NO_RELEASE = "-"


class Announced(msgspec.Struct, frozen=True):
    """The kinds of keys that one release reads. `at`: when a process last announced it, in Unix seconds.

    `name`: empty in what releases announced that had none.
    """

    at: float
    kinds: frozenset[str]
    name: str = ""


_decoder = msgspec.msgpack.Decoder(Announced)


def parse_announced(content: bytes) -> Announced:
    """Raises Unreadable."""
    return decode(_decoder.decode, content)


class ReleaseRegistry:
    """A hash of what each release has announced, by its digest."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.key = f"{{{prefix}:releases}}"

    def announce(self) -> None:
        """Raises RedisError or OSError."""
        content = msgspec.msgpack.encode(Announced(time.time(), own_kinds(), release_name()))
        with self.server.sync_client() as client:
            client.hset(self.key, own_digest(), content)

    def read(self) -> dict[str, Announced]:
        """The releases by digest. Deletes expired announcements. Raises RedisError or OSError."""
        found: dict[str, Announced] = {}
        with self.server.sync_client() as client:
            for digest, content in client.hgetall(self.key).items():
                try:
                    found[digest.decode("ascii", "replace")] = parse_announced(content)
                except Unreadable:
                    client.hdel(self.key, digest)
        return found

    def forget(self, digests: set[str]) -> None:
        """Raises RedisError or OSError."""
        with self.server.sync_client() as client:
            client.hdel(self.key, *digests)


# The registries of this process's engines, by prefix.
registries: dict[str, ReleaseRegistry] = {}


def announce_release() -> None:
    """Announce this release in every Redis in use. It raises no error: the next call is soon."""
    for registry in list(registries.values()):
        try:
            registry.announce()
        except (RedisError, OSError) as error:
            logger.debug("the release is not announced: %s", error)


def own_digest() -> str:
    return release_digest() or NO_RELEASE


def own_kinds() -> frozenset[str]:
    """The beginnings of this release's keys, as `post@fub6leae` and `page@1.x476iyvj`."""
    return frozenset({*kinds, *(f"{each.name}@{each.schema}" for each in list(resources.values()))})


def kind_of(key: str) -> str:
    """The beginning of a key: name and schema. Empty for a key that has none."""
    name, at, rest = key.partition("@")
    return f"{name}@{rest.partition(':')[0]}" if at else ""
