"""The queues of Celery, and the order in which a worker takes tasks from them.

Each is there twice: for all releases, and for the tasks that load what keys of a release name. A worker of another
release would warm its own pages, and these not at all.
"""

from kombu import Exchange, Queue

from content.ops.state.task_queues import REFRESH, SHARED, WARM, of_release

OWN = of_release(SHARED)
# A worker takes a task only if the queues before are empty. "celery" is where Celery sends tasks that have no route.
IN_ORDER = (REFRESH, of_release(REFRESH), SHARED, OWN, of_release(WARM), WARM)
ROUTES = {
    "relay_invalidations": REFRESH,
    "tell_cdn": REFRESH,
    "drain_due": of_release(REFRESH),
    "keep_warm": OWN,
    "warm": of_release(WARM),
    "warm_run": WARM,
    "remove_old_releases": WARM,
}
# Seconds after which the broker deletes the queue of a release that has no worker any more.
EXPIRES = 3600.0


def list_queues() -> tuple[Queue, ...]:
    lasting = (REFRESH, SHARED, WARM)
    return tuple(
        Queue(name, Exchange(name), routing_key=name, expires=None if name in lasting else EXPIRES)
        for name in IN_ORDER
    )


def routes() -> dict[str, dict[str, str]]:
    return {f"workers.tasks.{task}": {"queue": queue} for task, queue in ROUTES.items()}
