"""Tasks for a worker of the tests, which show the order in which it works."""

from pathlib import Path

from celery import shared_task

from tests.support.wait import wait_until


@shared_task(name="tests.note")
def note(file: str, label: str) -> None:
    """Write the label into the file, as a line."""
    with Path(file).open("a") as lines:
        lines.write(f"{label}\n")


@shared_task(name="tests.hold")
def hold(file: str, gate: str) -> None:
    """Note that it has begun, and end when the gate is there."""
    note(file, "held")
    wait_until(lambda: Path(gate).exists(), "the gate is open")
