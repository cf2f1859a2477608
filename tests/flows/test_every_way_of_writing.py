"""Each way of writing is seen in every process, page, CDN and browser.

pytest -m slow tests/flows                 # all ways on both databases, and the times from commit to new
pytest -m slow tests/flows -k postgresql   # on one of them
"""

import pytest

from tests.support.flows.stage import Stage
from tests.support.flows.ways import WAYS

pytestmark = pytest.mark.long

# One of each kind. Varnish and the browser, and the other ways, take longer.
SOME = [
    "Model.save",
    "bulk_update",
    "QuerySet.update to withdrawn",
    "restored by QuerySet.update",
    "renamed by Model.save",
    "moved to another category",
    "m2m set",
    "QuerySet.update of a tag's name",
    "BEGIN and COMMIT by a cursor",
    "psql and sqlite3",
    "a transaction rolled back",
    "an autocommit process killed right after its commit",
    "admin form",
    "a posted comment approved in the admin",
]


def play(stage: Stage, name: str) -> None:
    way = WAYS[name]
    if stage.database not in way.vendors:
        pytest.skip(f"only on {', '.join(way.vendors)}")
    stage.play(way)


@pytest.mark.parametrize("name", SOME)
def test_what_is_written_is_seen_in_every_process(stage, name):
    play(stage, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_what_is_written_is_seen_everywhere(whole_stage, name):
    """Also in Varnish and a browser, on both databases."""
    play(whole_stage, name)
