"""How measured differences become costs of one web process, one worker, and the rest."""

import pytest

from project.capacity.quantities import Driver, Quantity
from tests.benchmarks.capacity.dividing import Edits, divide_edits, divide_records, remainder

NOTHING = dict.fromkeys(Quantity, 0.0)


def test_a_record_is_divided_among_its_followers() -> None:
    """Four web processes and the appender read it for 2 commands each, two workers for 5; appending takes 3."""
    whole = NOTHING | {Quantity.LOG_COMMANDS: 23.0, Quantity.WEB_CPU: 0.004}
    no_web, no_worker = NOTHING | {Quantity.LOG_COMMANDS: 19.0}, NOTHING | {Quantity.LOG_COMMANDS: 14.0}
    rare, often = divide_records(
        [(10.0, {each: 2 * cost for each, cost in whole.items()}), (100.0, whole)], no_web, no_worker
    )
    for record, commands in ((often, (3, 2, 5)), (rare, (6, 4, 10))):
        parts = (record.fixed, record.web_process, record.worker)
        assert [part[Quantity.LOG_COMMANDS] / record.rate for part in parts] == pytest.approx(commands)
    assert often.web_process[Quantity.WEB_CPU] / often.rate == pytest.approx(0.001)


def test_noise_does_not_make_the_parts_more_than_the_whole() -> None:
    whole = NOTHING | {Quantity.LOG_COMMANDS: 10.0}
    costs = divide_records([(1.0, whole), (10.0, whole)], NOTHING, NOTHING)[1]
    total = costs.fixed[Quantity.LOG_COMMANDS] + 5 * costs.web_process[Quantity.LOG_COMMANDS]
    assert total / costs.rate == pytest.approx(10)


def test_what_is_left_at_rest_is_never_negative() -> None:
    rest = NOTHING | {Quantity.WEB_CPU: 0.05, Quantity.WORKER_CPU: 0.01}
    drivers = {Driver.WEB_PROCESS: {Quantity.WEB_CPU: 0.01}, Driver.WORKER: {Quantity.WORKER_CPU: 0.02}}
    left = remainder(rest, drivers, {Driver.WEB_PROCESS: 4, Driver.WORKER: 2})
    assert left[Quantity.WEB_CPU] == pytest.approx(0.01)
    assert left[Quantity.WORKER_CPU] == 0


def test_an_edit_is_its_saving_its_records_and_the_pages_that_it_makes_stale() -> None:
    record = NOTHING | {Quantity.CACHE_COMMANDS: 0.0, Quantity.LOG_COMMANDS: 10.0, Quantity.WORKER_CPU: 0.001}
    used = {Quantity.LOG_COMMANDS: 50.0, Quantity.WORKER_CPU: 0.022, Quantity.TRANSACTIONS: 7.0}
    seldom = Edits(1.0, records=2, pages=10, writer_cpu=0.01, costs=NOTHING | used | {Quantity.CACHE_COMMANDS: 100.0})
    often = Edits(4.0, records=2, pages=5, writer_cpu=0.01, costs=NOTHING | used | {Quantity.CACHE_COMMANDS: 40.0})
    edit, pages = divide_edits((seldom, often), record, {Quantity.POSTGRES_CPU: 0.0, Quantity.TRANSACTIONS: 1.0})
    assert (edit[Quantity.WEB_CPU], edit[Quantity.TRANSACTIONS]) == (0.01, 2)
    assert [each.rate for each in pages] == [10, 20]
    for quantity, amounts in (
        (Quantity.CACHE_COMMANDS, [100, 160]),
        (Quantity.LOG_COMMANDS, [30, 120]),
        (Quantity.WORKER_CPU, [0.02, 0.08]),
        (Quantity.TRANSACTIONS, [10, 20]),
    ):
        assert [each.amounts[quantity] for each in pages] == pytest.approx(amounts)
