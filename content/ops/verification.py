"""Continuous verification of this site's cache: what is compared, and where it runs."""

import re
from typing import Any

from django.conf import settings

from content.caching.verify import Options, Verifier
from content.caching.watch.settled import changes_are_relayed
from content.warming.targets import edge

# Rankings by views, and the pages of whole rankings. Views invalidate nothing: they may differ while they are fresh.
BY_TIME = re.compile(r"(popular|trending)@|page@.*/(popular|trending)/(\?|\Z)")


def comparable(key: str, value: Any) -> Any:
    """Other pages show rankings in passing. No page has a nonce or the token of a form."""
    return None if BY_TIME.match(key) else value


def new_verifier(*, serves_readers: bool = False) -> Verifier | None:
    """None if it is switched off, or the cache has no invalidation log.

    A process that serves readers compares its memory with the shared tier. Workers compare that with the database.
    """
    return verifier_of_site(serves_readers=serves_readers) if settings.VERIFY else None


def verifier_of_site(*, serves_readers: bool = False) -> Verifier | None:
    """The same, whether it is switched off or not."""
    options = Options(
        share=settings.VERIFY_BUDGET,
        loads_always=not serves_readers,
        scans=not serves_readers,
        settle=changes_are_relayed,
        comparable=comparable,
    )
    try:
        return Verifier(edge=edge() if settings.EDGE else None, options=options)
    except ValueError:
        return None
