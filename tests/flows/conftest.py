from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from playwright.sync_api import Browser

from tests.support.browser import running_chromium
from tests.support.databases import ON_POSTGRES
from tests.support.flows.stage import Stage, make_database, running_stage
from tests.support.flows.times import records, times_table
from tests.support.service import make_tables

numbers = count(1)


def pytest_terminal_summary(terminalreporter) -> None:
    if records:
        terminalreporter.write_line(times_table(records))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as chromium:
        yield chromium


@contextmanager
def stage_on(database: str, request, tmp_path_factory, browser: Browser | None = None) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("flows")
    url = f"sqlite:///{folder}/evergreen.sqlite3"
    if database == "sqlite" and not ON_POSTGRES:
        make_tables(folder)
    if database == "postgresql":
        url = make_database(request.getfixturevalue("postgres_server"), f"flows_{next(numbers)}")
    with running_stage(folder, database, url, browser=browser) as stage:
        yield stage
    records.extend(stage.records)


@pytest.fixture(scope="module")
def stage(request, tmp_path_factory) -> Iterator[Stage]:
    """A running service, on the kind of database that the other tests use."""
    with stage_on("postgresql" if ON_POSTGRES else "sqlite", request, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def whole_stage(request, browser, tmp_path_factory) -> Iterator[Stage]:
    """A running service on each database, with a Varnish before it."""
    with stage_on(request.param, request, tmp_path_factory, browser) as running:
        yield running
