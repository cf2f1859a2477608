"""A committed change survives, at each step at which its writer may be killed."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction

from content.caching import RARE, Resource
from content.caching.watch import loop, own_writes, relay
from tests.support.wait import wait_until
from tests.support.watched import Product, by_another_program

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)
KILLED = -signal.SIGKILL


def kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before(module, name):
    setattr(module, name, kill)


def kill_after(module, name):
    original = getattr(module, name)
    setattr(module, name, lambda *args, **kwargs: (original(*args, **kwargs), kill()))


# Where the writer dies: after its statement, or around each step of the relay.
STEPS = {
    "before the commit": lambda: None,
    "before it looks into the outbox": lambda: kill_before(own_writes, "_relay_now"),
    "before it has the tags": lambda: kill_before(relay, "_tags_of"),
    "before the append": lambda: kill_before(relay, "invalidate_sync"),
    "after the append": lambda: kill_after(relay, "invalidate_sync"),
    "after the row was marked": lambda: kill_after(own_writes, "relay_own"),
}


# Where a relay dies that delivers what another program wrote. On PostgreSQL it has not committed its mark then.
RELAY_STEPS = {
    "a relay, before it has the tags": STEPS["before it has the tags"],
    "a relay, before the append": STEPS["before the append"],
    "a relay, after the append": STEPS["after the append"],
    "a relay, after it has marked the row": lambda: kill_after(relay, "_relay"),
}


def write_and_die(step: str, value: str, *, in_transaction: bool) -> None:
    """In a forked child."""
    connections["own"].connection = None
    STEPS[step]()
    if in_transaction or step == "before the commit":
        with transaction.atomic("own"):
            Product.objects.using("own").update(name=value)
            if step == "before the commit":
                kill()
    else:
        Product.objects.using("own").update(name=value)


def relay_and_die(step: str) -> None:
    """In a forked child."""
    connections["own"].connection = None
    RELAY_STEPS[step]()
    relay.relay_waiting("own")


def exit_code_of(die: Callable[..., None], *arguments: str, **options: bool) -> int:
    child = os.fork()
    if child == 0:
        try:
            die(*arguments, **options)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def name_of(pk: int) -> str:
    return Product.objects.using("own").get(pk=pk).name


def is_relayed(database: str) -> bool:
    """PostgreSQL keeps the rows of a relay locked until it has noticed its death."""
    while relay.relay_waiting(database):
        pass
    return not relay.WatchedChange.objects.using(database).filter(epoch="").exists()


def check_deaths(database: str, monkeypatch, number: int) -> None:
    """That many deaths at each step, by turns in a transaction and in autocommit."""
    monkeypatch.setattr(relay, "WRITERS_TIME", timedelta(0))
    product = Product.objects.using(database).create(slug="a", name="")
    resource = Resource("name_of", load=name_of, policy=RARE, tags=lambda pk: (f"product:{pk}:page",))
    for death in range(number):
        for step in (*STEPS, *RELAY_STEPS):
            value = f"{step} {death}"
            if step in STEPS:
                code = exit_code_of(write_and_die, step, value, in_transaction=death % 2 == 0)
            else:
                by_another_program(f"UPDATE watched_product SET name = '{value}'")
                code = exit_code_of(relay_and_die, step)
            assert code == KILLED, step
            wait_until(lambda: is_relayed(database), "the change is relayed")
            expected = Product.objects.using(database).get().name
            assert resource.get_sync(product.pk) == expected
            assert (expected == value) is (step != "before the commit")


def test_a_change_survives_its_writer(alias, database, monkeypatch):
    check_deaths(database, monkeypatch, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_changes_survive_their_writers(alias, database, monkeypatch):
    """500 for each database."""
    check_deaths(database, monkeypatch, 50)


def test_the_loop_relays_what_other_programs_write_until_it_is_told_to_stop(alias, database):
    Product.objects.using(database).create(slug="a", name="old")
    stopping = threading.Event()
    thread = threading.Thread(target=loop.run_relay, args=(stopping, database))
    thread.start()
    try:
        writer, own_writes.writer = own_writes.writer, "somebody else"
        relay.WatchedChange.objects.using(database).create(model="watched.product", changes='"*"')
        waiting = relay.WatchedChange.objects.using(database).filter(epoch="")
        wait_until(lambda: not waiting.exists(), "the loop has relayed it")
        own_writes.writer = writer
    finally:
        stopping.set()
        thread.join(10)
    assert not thread.is_alive()
