"""A site with live dashboards, and clients of its WebSockets."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import Service, environment_of, manage_each, running_service
from tests.support.wait import READY_SECONDS

# Each name has a session. "reader" is no staff, "watcher" is staff without permissions, the others are editors.
USERS = """
from django.contrib.auth.models import User
from django.test import Client
from content.models import Post
for name, first, last in (("ann", "Ann", "Lee"), ("bob", "Bob", "Ray")):
    User.objects.create_superuser(name, password="in a test", first_name=first, last_name=last)
for number in range(NUMBER):
    User.objects.create_superuser(f"staff{number}", password="in a test")
User.objects.create_user("reader", password="in a test")
User.objects.create_user("watcher", password="in a test", is_staff=True)
for user in User.objects.all():
    client = Client()
    client.force_login(user)
    print(user.username, client.cookies["sessionid"].value)
for number in range(1, 11):
    Post.objects.create(pk=number, slug=f"post-{number}", title="First", status="draft")
"""


@dataclass
class LiveSite:
    """The service, its Redis (None: it has none), and the session of each user."""

    service: Service
    redis: RedisServer | None
    sessions: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def connect(self, name: str, path: str = "/ops/live/", **options: Any) -> AsyncIterator["Client"]:
        cookie = {"Cookie": f"sessionid={self.sessions[name]}"} if name else {}
        defaults: dict[str, Any] = {"origin": self.service.url, "max_size": 8 * 1024 * 1024}
        options = defaults | options
        headers = cookie | options.pop("headers", {})
        url = options.pop("url", self.service.url).replace("http", "ws", 1) + path
        async with connect(url, additional_headers=headers, open_timeout=READY_SECONDS, **options) as connection:
            yield Client(connection)

    async def status_of(self, name: str, path: str = "/ops/live/", **options: Any) -> int:
        """The status of a handshake that is refused; 101 for one that is not."""
        try:
            async with self.connect(name, path, **options):
                return 101
        except InvalidStatus as refusal:
            response = refusal.response
        if response.body:
            raise AssertionError(f"A refusal says {response.body!r}")
        return response.status_code

    def run(self, code: str) -> str:
        """Python in a process of the site's own."""
        return manage_each(self.environment, ["shell", "-v0", "-c", code])


class Client:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def next_of(self, kind: str) -> dict[str, Any]:
        while (message := await self.next())["kind"] != kind:
            pass
        return message

    async def times(self, count: int) -> list[float]:
        """Those of the next states."""
        return [(await self.next_of("state"))["at"] for _ in range(count)]

    async def send(self, content: object) -> None:
        await self.connection.send(json.dumps(content))

    async def code(self) -> int | None:
        """The code with which the server closes; it may send before."""
        try:
            while True:
                await self.connection.recv()
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd is not None else None


@contextmanager
def live_site(
    folder: Path, *arguments: str, users: int = 0, with_redis: bool = True, **environment: str
) -> Iterator[LiveSite]:
    """A folder that is there, `manage.py serve` with these arguments, and a Redis of its own."""
    folder.mkdir(exist_ok=True)
    base = {"SECRET_KEY": "for tests only"} | environment
    prepared = environment_of(folder) | base | {"CACHE_URL": "locmem://making"}
    code = USERS.replace("NUMBER", str(users))
    said = manage_each(prepared, ["migrate", "-v0"], ["shell", "-v0", "-c", code])
    sessions = dict(line.split() for line in said.splitlines())
    if not with_redis:
        with serving(folder, arguments, base | {"CACHE_URL": "locmem://live"}) as service:
            yield LiveSite(service, None, sessions, prepared)
        return
    with running_redis() as redis, serving(folder, arguments, base | {"REDIS_URL": redis.url}) as service:
        yield LiveSite(service, redis, sessions, prepared | {"CACHE_URL": redis.url, "REDIS_URL": redis.url})


@contextmanager
def serving(folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> Iterator[Service]:
    with running_service(folder, *arguments, command="serve", environment=environment) as service:
        service.wait_for_line("Serving on")
        yield service
