"""Draw two real traces of a whole service on PostgreSQL for docs/traces.md: one miss, and one edit.

python -m tests.benchmarks.traces [folder]
"""

import os
import sys
import tempfile
from pathlib import Path

import django

from tests.benchmarks.waterfall import draw
from tests.support.collector import RecordedSpan, Spans
from tests.support.servers.postgres import running_postgres

FOLDER = Path(__file__).parents[2] / "docs/images"
TRIES = 6
TASK = ("load post", "refresh batch", "load related")


def main(folder: Path = FOLDER) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    # Imported late: they need the settings.
    from tests.support.traced_site import EDITED, MISSED, running_traced_site

    with (
        tempfile.TemporaryDirectory() as home,
        running_postgres() as server,
        running_traced_site(Path(home), DATABASE_URL=server.url) as site,
    ):
        for number in range(1, TRIES + 1):
            site.miss(number)
            misses = site.wait_for_traces(MISSED, *TASK)
        for number in range(1, TRIES + 1):
            site.edit(number, f"Edited {number}")
            edits = site.wait_for_traces(EDITED, "UPDATE", "invalidate", "cdn purge")
    draw_one("A miss: from the request to its queries, and to the worker's task", misses, folder / "trace-miss.svg")
    draw_one("An edit: from its statement to the purge of the CDN", edits, folder / "trace-edit.svg")


def draw_one(title: str, traces: list[Spans], file: Path) -> None:
    """The shortest of them: the machine did nothing else meanwhile."""
    spans = min(map(without_repeats, traces), key=lambda each: max(span.ended for span in each) - each[0].begun)
    draw(title, spans, root_of(spans), file)


def without_repeats(spans: Spans) -> Spans:
    """Without what comes seconds later: a CDN is purged twice."""
    ordered = sorted(spans, key=lambda span: span.begun)
    purges = [span.span_id for span in ordered if span.name == "cdn purge"]
    return Spans(span for span in ordered if span.span_id not in purges[1:])


def root_of(spans: Spans) -> RecordedSpan:
    return next(span for span in spans if not span.parent_id)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
