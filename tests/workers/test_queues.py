"""A worker takes what readers may see first, then the rest, then warming."""

from pathlib import Path

import pytest

from content.caching.release import digest_of
from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until
from tests.support.worker import RELEASE, new_sender, running_worker, send
from workers import app, queues

pytestmark = pytest.mark.long

EACH = 2
OWN = f".{digest_of(RELEASE)}"
# The order in which they are filled: the opposite of the one in which they are emptied.
FILLED = ("warm", f"warm{OWN}", f"celery{OWN}", "celery", f"refresh{OWN}", "refresh")


@pytest.fixture(scope="module")
def server():
    with running_redis() as running:
        yield running


def lines_of(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def test_a_worker_empties_refresh_before_default_before_warm(server, tmp_path):
    notes, gate = tmp_path / "notes", tmp_path / "gate"
    sender = new_sender(server)
    for queue in FILLED:
        for _ in range(EACH):
            send(sender, "tests.note", str(notes), queue, queue=queue)
    with running_worker(server, tmp_path, concurrency=1, include="tests.support.order_of_tasks") as worker:
        wait_until(lambda: len(lines_of(notes)) == EACH * len(FILLED), "all tasks are done", 120)
        assert lines_of(notes) == [queue for queue in reversed(FILLED) for _ in range(EACH)]
        # Tasks that come while warming waits are done before it.
        notes.unlink()
        send(sender, "tests.hold", str(notes), str(gate), queue="warm")
        wait_until(lambda: lines_of(notes) == ["held"], "the worker is busy")
        for queue in ("warm", "celery", "refresh"):
            send(sender, "tests.note", str(notes), queue, queue=queue)
        gate.touch()
        worker.finish()
    assert lines_of(notes) == ["held", "refresh", "celery", "warm"]
    sender.close()


def test_each_task_has_the_queue_of_its_urgency():
    app.loader.import_default_modules()
    names = {name.removeprefix("workers.tasks.") for name in app.tasks if name.startswith("workers.tasks.")}
    queue_of = {name: queues.ROUTES.get(name, "celery").split(".")[0] for name in names}
    assert queue_of == {
        "relay_invalidations": "refresh",
        "drain_due": "refresh",
        "tell_cdn": "refresh",
        "purge": "celery",
        "write_views": "celery",
        "write_heat": "celery",
        "keep_warm": "celery",
        "send_password_reset": "celery",
        "send_invitation": "celery",
        "mail_waiting_comments": "celery",
        "warm": "warm",
        "warm_run": "warm",
        "remove_old_releases": "warm",
    }
    assert set(queues.ROUTES) <= names
    assert app.conf.task_routes == {
        f"workers.tasks.{name}": {"queue": queue} for name, queue in queues.ROUTES.items()
    }
    assert {queue.name for queue in app.conf.task_queues} == set(queues.IN_ORDER)
