"""A site that is warm as a whole."""

from asgiref.sync import async_to_sync

from content.warming import warm_chosen
from tests.support.wait import wait_until_async


async def warm_everything() -> None:
    """Warm the whole site.

    On a busy machine a process may not hear of the log for a moment, and stores nothing: then once more.
    """

    async def is_done() -> bool:
        return (await warm_chosen(everything=True)).failed == 0

    await wait_until_async(is_done, "the site is warm")


warm_everything_sync = async_to_sync(warm_everything)
