"""Where paths have gone. No redirect leads to another one, and none leads away from where a move has led.

Bulk writes that move what was public call `move_paths` themselves; single saves are seen by services/moves.py.
"""

from collections.abc import Iterable, Mapping

from django.db import transaction

from content.models import Redirect


def move_paths(moves: Mapping[str, str]) -> None:
    """Lead from each old path to its new one: what led to the old one leads to the new one, without a stop between.

    1. The new paths live: nothing leads away from them any more, so no circle can close (a -> b, then b -> a).
    2. What led to an old path leads to its new one (a -> b, then b -> c: a -> c).
    3. The old paths lead to the new ones, but for those that somebody else has moved to (two posts that exchange
       their slugs).
    """
    moves = {old: new for old, new in moves.items() if old != new}
    if not moves:
        return
    with transaction.atomic():
        free_paths(moves.values())
        chained = list(Redirect.objects.filter(new_path__in=moves))
        for row in chained:
            row.new_path = moves[row.new_path]
        Redirect.objects.bulk_update(chained, ["new_path"], batch_size=500)
        left = moves.keys() - set(moves.values())
        Redirect.objects.bulk_create(
            [Redirect(old_path=old, new_path=moves[old]) for old in sorted(left)],
            update_conflicts=True,
            unique_fields=["old_path"],
            update_fields=["new_path"],
        )


def free_paths(paths: Iterable[str]) -> None:
    """Forget redirects from paths that live."""
    Redirect.objects.filter(old_path__in=list(paths)).delete()


def final_path(path: str) -> str:
    """Where a reader who is sent to that path ends up."""
    return Redirect.objects.filter(old_path=path).values_list("new_path", flat=True).first() or path
