"""From every path that a post was known by to the one that it has."""

from collections.abc import Iterable, Sequence

from content.importers.reading import Prepared
from content.models import Post, Redirect


def wanted_redirects(post: Post, prepared: Prepared, moved_from: Sequence[str]) -> list[Redirect]:
    url = post.get_absolute_url()
    paths = dict.fromkeys([*prepared.draft.old_paths, *moved_from])
    return [Redirect(old_path=path, new_path=url) for path in paths if path not in (url, "/")]


def write_redirects(wanted: Iterable[Redirect], moved: set[str]) -> tuple[list[Redirect], list[str]]:
    """The rows that changed, and warnings: a path that leads elsewhere already is left to do so.

    `moved` are the addresses that these posts had before; what led there follows them.
    """
    by_path: dict[str, Redirect] = {}
    warnings = []
    rows = list(wanted)
    known = Redirect.objects.in_bulk([row.old_path for row in rows], field_name="old_path")
    for row in rows:
        other = by_path.get(row.old_path) or known.get(row.old_path)
        if other is None or (row.old_path not in by_path and other.new_path in moved):
            by_path[row.old_path] = row
        elif other.new_path != row.new_path:
            warnings.append(f"{row.old_path} leads to {other.new_path} already, and not to {row.new_path}.")
    changed = [row for row in by_path.values() if row.old_path not in known or differs(row, known[row.old_path])]
    Redirect.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["old_path"], update_fields=["new_path"]
    )
    return changed, warnings


def differs(row: Redirect, known: Redirect) -> bool:
    return row.new_path != known.new_path
