"""The schema in keys: it changes with the shape of a value and with the rules of its tags, and with nothing else."""

import functools
import json
import sys
import time
from enum import Enum

import msgspec
import pytest

from content import resources
from content.caching import Policy, Resource
from content.caching.schema import describe_type, schema_of
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm

HOUR = Policy(ttl="1h")
WORD = "red"


class Colour(Enum):
    RED = 1


class Entry(msgspec.Struct, frozen=True):
    title: str
    parts: tuple["Entry", ...] = ()


def struct(*fields, **options):
    return msgspec.defstruct("Document", fields, frozen=True, **options)


BOOK = struct(("title", str))
OTHERS = {
    "another name": struct(("name", str)),
    "another type": struct(("title", bytes)),
    "a field more": struct(("title", str), ("year", int, 0)),
    "a default": struct(("title", str, "")),
    "another default": struct(("title", str, "?")),
    "optional": struct(("title", str | None)),
    "a list of it": list[BOOK],
    "as an array": struct(("title", str), array_like=True),
    "with a tag": struct(("title", str), tag="book"),
    "renamed": struct(("title", str), rename="upper"),
    "deep inside": struct(("title", tuple[struct(("title", str)), ...])),
    "deep inside, another": struct(("title", tuple[struct(("name", str)), ...])),
    "an enum": Colour,
}


def test_a_type_has_a_schema_of_its_own():
    texts = {name: describe_type(kind) for name, kind in OTHERS.items()} | {"": describe_type(BOOK)}
    assert len(set(texts.values())) == len(texts)
    assert describe_type(struct(("title", str))) == texts[""]
    assert schema_of(BOOK, (), 1) != schema_of(OTHERS["a field more"], (), 1)


def test_a_type_that_holds_itself_has_a_schema():
    assert "^1" in describe_type(Entry)
    assert describe_type(Entry) in describe_type(struct(("entries", list[Entry])))


def test_the_order_of_a_union_is_no_difference():
    assert describe_type(int | str | None) == describe_type(None | str | int)


async def load(pk: int) -> str:
    return ""


def helper(pk: int) -> str:
    return f"{WORD}:{pk}"


def tags_by_helper(pk: int) -> tuple[str, ...]:
    return (helper(pk),)


def tags_of_kind(kind: str):
    return lambda pk: (f"{kind}:{pk}",)


def schema(**options) -> str:
    return Resource("schemed", load=load, policy=HOUR, declared=False, **options).schema


def test_each_declared_function_is_a_part_of_it():
    ways = [
        schema(),
        schema(tags=lambda pk: (f"a:{pk}",)),
        schema(tags=lambda pk: (f"b:{pk}",)),
        schema(tags=tags_of_kind("a")),
        schema(tags=tags_of_kind("b")),
        schema(tags=functools.partial(lambda kind, pk: (f"{kind}:{pk}",), "a")),
        schema(tags=functools.partial(lambda kind, pk: (f"{kind}:{pk}",), "b")),
        schema(value_tags=lambda text: (f"a:{text}",)),
        schema(adapt=lambda text, policy: policy),
        schema(cutoff=True),
        schema(schema=2),
        schema(tags=tags_by_helper),
    ]
    assert len(set(ways)) == len(ways)
    assert schema(tags=tags_of_kind("a")) == ways[3]
    assert all(len(each) == 8 and each.isalnum() for each in ways)


def test_a_function_that_a_tag_function_calls_is_a_part_of_it(monkeypatch):
    before = schema(tags=tags_by_helper)
    monkeypatch.setattr(sys.modules[__name__], "WORD", "blue")
    assert schema(tags=tags_by_helper) != before
    monkeypatch.undo()
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda pk: f"green:{pk}")
    assert schema(tags=tags_by_helper) != before


def test_a_policy_is_no_part_of_it():
    one = Resource("schemed", load=load, policy=HOUR, declared=False)
    two = Resource("schemed", load=load, policy=Policy(ttl="2h"), declared=False)
    assert one.schema == two.schema


@pytest.mark.parametrize("other", ["(f'b:{pk}',)", "(f'a:{pk}', 'c')"])
def test_a_function_without_source_text_has_one(other):
    def make(text: str):
        return eval(f"lambda pk: {text}")

    assert schema(tags=make("(f'a:{pk}',)")) == schema(tags=make("(f'a:{pk}',)"))
    assert schema(tags=make("(f'a:{pk}',)")) != schema(tags=make(other))


def test_a_built_in_and_an_object_have_one():
    class Tags:
        def __call__(self, pk):
            return (f"tags:{pk}",)

    assert len({schema(value_tags=list), schema(value_tags=tuple), schema(tags=Tags()), schema()}) == 4


PRINT = """
import json, django
django.setup()
from content import resources
print(json.dumps([hash("a word"), {each.name: each.schema for each in resources.ALL}]))
"""


def test_it_is_the_same_in_every_process():
    environment = clean_environment() | {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "SECRET_KEY": "for tests only",
        "CACHE_URL": "locmem://",
    }
    done = run_warm(["-c", PRINT], environment)
    assert done.returncode == 0, done.stderr
    seed, schemas = json.loads(done.stdout)
    assert seed != hash("a word"), "it hashes texts by a seed of its own"
    assert schemas == {each.name: each.schema for each in resources.ALL}


def test_it_is_the_same_on_every_version_of_python():
    """Found on 3.11 and on 3.13."""
    assert schema_of(Entry, (tags_of_kind, helper, None), 1) == "kqylggv4"


def test_it_takes_at_most_two_milliseconds_a_resource():
    began = time.process_time()
    for each in resources.ALL:
        returned, number = each._declared_schema
        schema_of(returned, (each.tags, each.value_tags, each.adapt), number, each.cutoff)
    assert (time.process_time() - began) / len(resources.ALL) < 0.002
