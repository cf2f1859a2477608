"""The bound of memory counts what entries really take: resident bytes of a process that fills it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from content.caching.footprint import object_size
from tests.support.declared import KINDS

DECLARED = 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_grows_by_what_was_declared(kind):
    """Numbers, documents of many parts, text, absences and coded pages; within a quarter."""
    command = [sys.executable, "-m", "tests.support.declared", kind, str(DECLARED)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    found = json.loads(printed.stdout)
    assert found["counted"] > 0.9 * found["declared"]
    assert 0.75 < found["grown"] / found["declared"] < 1.25, found


def test_a_long_document_is_measured_by_a_sample():
    numbers = tuple(range(10**6, 2 * 10**6))
    calls = []
    measured = sys.getsizeof

    def counting(value):
        calls.append(value)
        return measured(value)

    sys.getsizeof = counting
    try:
        size = object_size(numbers)
    finally:
        sys.getsizeof = measured
    assert len(calls) < 30
    assert 0.8 < size / (measured(numbers) + 36 * len(numbers)) < 1.25


def test_a_value_of_any_shape_is_measured_within_bounds():
    deep = ()
    for _ in range(300):
        deep = (deep, "x")
    assert object_size(deep) > 300 * 50
    wide = {str(number): [number] * 50 for number in range(50)}
    assert 50 * 400 < object_size(wide) < 50 * 50 * 80
