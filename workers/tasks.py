"""Tasks: each one call into content. All can run twice, and at once, and change nothing by it."""

from celery import shared_task

from content import popularity, warming
from workers.lease import leased
from workers.loop import run


@shared_task
def write_views() -> int:
    return popularity.write_views()


@shared_task
@leased("warm popular", seconds=55)
def warm_popular() -> int:
    return run(warming.warm_popular()).warmed


@shared_task
@leased("warm everything", seconds=300)
def warm_everything() -> int:
    return run(warming.warm_everything()).warmed


@shared_task
def warm(names: list[str], urls: list[str], top: int | None, everything: bool) -> int:
    """What `warm_cache --queue` asks for."""
    return run(warming.warm_chosen(names, urls, top=top, everything=everything)).warmed
