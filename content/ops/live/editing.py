"""Editors of a post see each other, and that somebody else has saved it.

Each process stores the editors that are connected to it in Redis, and reads those of others. While Redis is down,
editors of one process still see each other. The admin's log in the database says what was saved.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec
from channels.db import database_sync_to_async
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType

from content.caching.edge.asgi import Receive
from content.models import Post
from content.ops.state.site_redis import redis_of_site

from .editors import Editor, Editors
from .frame import Frame
from .layer import announce_from_thread, mailbox
from .viewer import FORBIDDEN, REFUSED, Viewer

logger = logging.getLogger(__name__)

# Seconds between two looks, without a message of another process.
LOOK_EVERY = 5.0
POST = "post"


class Save(msgspec.Struct, frozen=True):
    """The last change of a post in the admin. `at`: Unix seconds."""

    user: int
    name: str
    at: float
    is_deletion: bool


class OpenForm:
    """A form that is open in a browser. `since`: Unix seconds; it shows what was saved before."""

    def __init__(self, viewer: Viewer, post: int, since: float) -> None:
        self.viewer = viewer
        self.post = post
        self.since = since
        self.editor = Editor(secrets.token_hex(8), viewer.visitor.user, viewer.visitor.name)
        self.sent: bytes = b""

    def show(self, editors: Iterable[Editor], save: Save | None) -> None:
        """Send what has changed."""
        others = [each for each in editors if each.form != self.editor.form]
        names = sorted({each.name for each in others if each.user != self.editor.user})
        content: dict[str, Any] = {
            "kind": "editors",
            "others": names,
            "is_open_twice": any(each.user == self.editor.user for each in others),
            "saved": None,
        }
        if save is not None and save.at > self.since:
            by = None if save.user == self.editor.user else save.name
            content["saved"] = {"by": by, "at": save.at, "is_deletion": save.is_deletion}
        text = msgspec.json.encode(content)
        if text != self.sent:
            self.sent = text
            self.viewer.offer(Frame(text))
        else:
            self.viewer.offer()


class Editing:
    """The open forms of one event loop. A task looks again while there are any."""

    def __init__(self) -> None:
        self.editors = Editors(*redis_of_site())
        self.forms: set[OpenForm] = set()
        # Posts to look at now, instead of all after LOOK_EVERY.
        self.posts: set[int] = set()
        self.has_posts = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def serve(self, viewer: Viewer, receive: Receive) -> None:
        """Wait until the browser leaves the form. It has nothing to send."""
        form = _form_of(viewer)
        if form is None or not viewer.visitor.may_edit:
            viewer.close(REFUSED if form is None else FORBIDDEN)
            await viewer.read_until_end(receive)
            return
        self.forms.add(form)
        if self.task is None:
            mailbox().open(self.on_message)
            self.task = asyncio.ensure_future(self.run())
        await self.publish(form.post)
        try:
            if await viewer.read(receive) is not None:
                viewer.close(REFUSED)
                await viewer.read_until_end(receive)
        finally:
            self.forms.discard(form)
            await self.leave(form.post)

    async def leave(self, post: int) -> None:
        if not self.forms and self.task is not None:
            mailbox().close(self.on_message)
            self.task.cancel()
            self.task = None
        await self.publish(post)

    async def publish(self, post: int) -> None:
        """Store the editors of this process, and let all look."""
        self.look_at(post)
        await self.editors.store(post, self._here(post))
        await mailbox().announce(kind=POST, post=post)

    def on_message(self, message: dict[str, Any]) -> None:
        post = message.get("post")
        if message.get("kind") == POST and type(post) is int:
            self.look_at(post)

    def look_at(self, post: int) -> None:
        if any(form.post == post for form in self.forms):
            self.posts.add(post)
            self.has_posts.set()

    def _here(self, post: int) -> list[Editor]:
        return [form.editor for form in self.forms if form.post == post]

    async def run(self) -> None:
        while True:
            posts, self.posts = self.posts or {form.post for form in self.forms}, set()
            self.has_posts.clear()
            try:
                await self.show(posts)
            except Exception:
                logger.exception("Editors could not be shown to each other; retrying.")
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self.has_posts.wait()
            except TimeoutError:
                continue

    async def show(self, posts: set[int]) -> None:
        forms = [form for form in self.forms if form.post in posts]
        saves = await self.read_saves(forms)
        for post in posts:
            here = self._here(post)
            await self.editors.store(post, here)
            others = await self.editors.read_others(post)
            for form in forms:
                if form.post == post:
                    form.show([*here, *others], saves.get(post))

    async def read_saves(self, forms: list[OpenForm]) -> dict[int, Save]:
        """None while the database is down."""
        if not forms:
            return {}
        try:
            posts, since = {form.post for form in forms}, min(form.since for form in forms)
            return await database_sync_to_async(_read_saves)(posts, since)  # type: ignore[no-any-return]
        except Exception as error:
            logger.info("Cannot read from the database who saved the posts that are open; retrying: %s", error)
            return {}


def _form_of(viewer: Viewer) -> OpenForm | None:
    """Read the query: `post` is its primary key, `since` the time at which the form was made. None for other text."""
    try:
        query = parse_qs(viewer.query.decode("latin-1"), max_num_fields=4)
        post, since = int(query["post"][0]), float(query["since"][0])
    except (KeyError, ValueError):
        return None
    now = time.time()
    return OpenForm(viewer, post, min(since, now)) if 0 < post < 2**63 and 0 < since < now + 86400 else None


def _read_saves(posts: set[int], since: float) -> dict[int, Save]:
    rows = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Post),
        object_id__in=[str(post) for post in posts],
        action_time__gt=datetime.fromtimestamp(since, UTC),
    )
    return {int(row.object_id or 0): _save_of(row) for row in rows.select_related("user").order_by("action_time")}


def _save_of(row: LogEntry) -> Save:
    user: Any = row.user
    name = user.get_full_name() or user.get_username()
    return Save(user.pk, name, row.action_time.timestamp(), row.action_flag == DELETION)


def announce_save(post: int) -> None:
    """Call it after the commit, in any thread."""
    announce_from_thread(kind=POST, post=post)
