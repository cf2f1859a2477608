"""Writes in transactions: committed, rolled back, many at once."""

import os
import signal
import threading
import time

from django.db import connections, transaction

from content.caching.watch import own_writes
from content.models import Post, Tag
from tests.support.flows.scene import Scene, changes_term, nothing, title
from tests.support.flows.ways.way import way


class Undo(Exception):
    pass


@way("in a transaction", title)
def in_transaction(scene: Scene) -> None:
    with transaction.atomic():
        scene.posts.update(title=scene.word("between"))
        scene.posts.update(title=scene.new)


@way("select_for_update and save", title)
def save_locked(scene: Scene) -> None:
    with transaction.atomic():
        post = scene.posts.select_for_update().get()
        post.title = scene.new
        post.save()


@way("a transaction rolled back", nothing)
def roll_back(scene: Scene) -> None:
    try:
        with transaction.atomic():
            scene.posts.update(title=scene.new)
            raise Undo
    except Undo:
        pass


@way("a savepoint rolled back", changes_term("tag"))
def savepoint_rolled_back(scene: Scene) -> None:
    with transaction.atomic():
        scene.post.tags.set([scene.other_tag])
        try:
            with transaction.atomic():
                scene.posts.update(title=scene.new)
                raise Undo
        except Undo:
            pass


@way("a savepoint rolled back before the write", title)
def savepoint_before(scene: Scene) -> None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                scene.posts.update(title=scene.word("lost"))
                raise Undo
        except Undo:
            scene.posts.update(title=scene.new)


@way("set_autocommit(False) and rollback", nothing)
def by_hand_rolled_back(scene: Scene) -> None:
    transaction.set_autocommit(False)
    try:
        scene.posts.update(title=scene.new)
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)


@way("set_autocommit(False) and commit", title)
def by_hand(scene: Scene) -> None:
    transaction.set_autocommit(False)
    try:
        scene.posts.update(title=scene.new)
        transaction.commit()
        scene.has_committed()
    finally:
        transaction.set_autocommit(True)


@way("800 single-row updates in a transaction", title)
def many_updates(scene: Scene) -> None:
    """The last is the one that is looked for."""
    with transaction.atomic():
        for number in range(799):
            Tag.objects.filter(pk=scene.other_tag.pk).update(name=f"{scene.word('othertag')} {number}")
        scene.posts.update(title=scene.new)


def make_many(scene: Scene) -> None:
    Post.objects.bulk_create(scene.build_post(f"-many-{number}", status="draft") for number in range(1200))


@way("one statement that writes 1,201 rows", title, prepare=make_many)
def too_many(scene: Scene) -> None:
    Post.objects.filter(slug__startswith=scene.slug()).update(title=scene.new)


@way("a long transaction", title)
def long_transaction(scene: Scene) -> None:
    """It is committed when its row has been in the outbox for longer than others leave it to its writer."""
    with transaction.atomic():
        scene.posts.update(title=scene.new)
        time.sleep(0.1)


@way("another thread", title)
def in_thread(scene: Scene) -> None:
    def write() -> None:
        try:
            scene.posts.update(title=scene.new)
        finally:
            connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()


def die(*args: object) -> None:
    """In the child, instead of relaying what was committed: say when, and be gone."""
    os.write(die.pipe, repr(time.monotonic()).encode())  # type: ignore[attr-defined]
    os.kill(os.getpid(), signal.SIGKILL)


@way("an autocommit process killed right after its commit", title, own=False)
def write_and_die(scene: Scene) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # The parent's connection is not the child's to close.
            connections["default"].connection = None
            die.pipe = writing  # type: ignore[attr-defined]
            own_writes._relay_now = die  # type: ignore[assignment]
            scene.posts.update(title=scene.new)
        finally:
            os._exit(1)
    os.close(writing)
    scene.committed_at = float(os.read(reading, 100))
    os.close(reading)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
