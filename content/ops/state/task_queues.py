"""The queues of Celery in Redis, by the names of metrics. workers.queues takes its names from here."""

from content.caching.release import release_digest


def of_release(name: str) -> str:
    return f"{name}.{release_digest()}"


# One queue for tasks that keep pages right, one for other short tasks, one for long tasks and those that can wait.
# "celery" is where Celery sends tasks that have no route.
REFRESH, SHARED, WARM = "refresh", "celery", "warm"
# For each label of a metric, the queue for all releases, and that of this one.
BY_LABEL = {"refresh": REFRESH, "default": SHARED, "warm": WARM}
# Suffixes that kombu adds to the name of a queue for lower priorities.
PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")


def keys_of(label: str, prefix: str) -> list[str]:
    """The lists in Redis that hold the tasks of a queue."""
    names = (BY_LABEL[label], of_release(BY_LABEL[label]))
    return [f"{prefix}:queue:{name}{priority}" for name in names for priority in PRIORITIES]
