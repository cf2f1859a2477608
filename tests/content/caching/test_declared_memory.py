"""The bound of memory counts what entries really take: resident bytes of a process that fills it."""

import json
import sys

import pytest

from content.caching.stores import memory
from content.caching.stores.memory import SizeEstimates, object_size
from tests.support.fill_memory import KINDS
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm

# Megabytes. Tiny entries need less for the same accuracy, and take longest.
DECLARED = dict.fromkeys(KINDS, 8) | {"numbers": 4, "absent": 4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_grows_by_what_was_declared(kind):
    """Numbers, documents of many parts, text, absences and coded pages; within a quarter."""
    done = run_warm(["-m", "tests.support.fill_memory", kind, str(DECLARED[kind])], clean_environment())
    found = json.loads(done.stdout)
    assert found["counted"] > 0.9 * found["declared"]
    assert 0.75 < found["grown"] / found["declared"] < 1.25, found


def test_a_long_document_is_measured_by_a_sample(monkeypatch):
    numbers = tuple(range(10**6, 2 * 10**6))
    calls = []

    def counting(value):
        calls.append(value)
        return sys.getsizeof(value)

    monkeypatch.setattr(memory, "getsizeof", counting)
    assert 0.8 < object_size(numbers) / (sys.getsizeof(numbers) + 36 * len(numbers)) < 1.25
    assert len(calls) < 30


def test_a_value_of_any_shape_is_measured_within_bounds():
    deep = ()
    for _ in range(300):
        deep = (deep, "x")
    assert object_size(deep) > 300 * 50
    wide = {str(number): [number] * 50 for number in range(50)}
    assert 50 * 400 < object_size(wide) < 50 * 50 * 80


def test_values_that_are_not_measured_are_estimated_by_those_that_are(monkeypatch):
    """The sum of long and short values is right within a tenth, although most were not measured."""
    texts = ["x" * (number % 50 * 40 + 20) for number in range(1000)]
    sizes, measured = SizeEstimates(), []

    def counting(value):
        measured.append(value)
        return object_size(value)

    monkeypatch.setattr(memory, "object_size", counting)
    estimated = sum(sizes.size_of("text", text, len(text) + 3) for text in texts)
    assert 0.9 < estimated / sum(map(object_size, texts)) < 1.1
    assert len(measured) < 100


def test_each_owner_has_an_estimate_of_its_own():
    numbers, text = tuple(range(10**6, 10**6 + 200)), "x" * 600
    sizes = SizeEstimates()
    for _ in range(40):
        assert sizes.size_of("numbers", numbers, 600) == pytest.approx(object_size(numbers), rel=0.1)
        assert sizes.size_of("text", text, 600) == pytest.approx(object_size(text), rel=0.1)
        assert sizes.size_of("bytes", b"x" * 600, 600) == object_size(b"x" * 600)
