"""The queues of Celery: one for all releases, and one for the tasks that load what keys of a release name."""

from kombu import Exchange, Queue

from content.caching.release import release_digest

SHARED = "celery"
OWN = f"celery.{release_digest()}"
# Seconds after which the broker deletes the queue of a release that has no worker any more.
EXPIRES = 3600.0
# A worker of another release would warm its own pages, and these not at all.
TASKS_OF_A_RELEASE = ("drain_due", "keep_warm", "warm")


def list_queues() -> tuple[Queue, ...]:
    return (
        Queue(SHARED, Exchange(SHARED), routing_key=SHARED),
        Queue(OWN, Exchange(OWN), routing_key=OWN, expires=EXPIRES),
    )


def routes() -> dict[str, dict[str, str]]:
    return {f"workers.tasks.{name}": {"queue": OWN} for name in TASKS_OF_A_RELEASE}
