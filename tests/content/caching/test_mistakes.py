"""Mistakes of a declaration or a call are reported at once, and the message names the fix."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404

from content.caching import NotThere, Policy, Resource, expire, expire_sync, invalidate, invalidate_sync
from content.caching.dependencies import add_dependency, track_dependencies
from content.caching.engines import engine_of
from content.caching.errors import LoadError, LoadTimeout
from tests.content.caching.test_key import Color

POLICY = Policy(ttl="1h", jitter=0)

NO_LISTS = ["product:A", b"product:A", 42, None]
NO_TAGS = [[42], [None], [b"a"], [("a",)]]
NAMELESS = [[""], ["x" * 501], ["\ud800"]]


async def load(sku: str) -> int:
    return len(sku)


async def attempt(call: Callable[[Any], Any], tags: Any) -> None:
    result = call(tags)
    if isinstance(result, Awaitable):
        await result


CALLS = [invalidate, invalidate_sync, expire, expire_sync]


@pytest.mark.parametrize("call", CALLS)
async def test_tags_that_are_no_list_of_strings_are_refused_at_the_call(alias, call):
    for tags in NO_LISTS + NO_TAGS:
        with pytest.raises(TypeError, match=r"invalidate\(\["):
            await attempt(call, tags)


@pytest.mark.parametrize("call", CALLS)
async def test_tags_that_can_name_nothing_are_refused_at_the_call(alias, call):
    for tags in NAMELESS:
        with pytest.raises(ValueError, match="tag"):
            await attempt(call, tags)


async def test_what_is_refused_ends_no_entry_and_leaves_the_cache_on(alias):
    loads = []

    async def load(sku: str) -> int:
        loads.append(sku)
        return 1

    resource = Resource("kept", load=load, policy=POLICY, tags=lambda sku: [f"product:{sku}"])
    await resource.get("A")
    for call, tags in product(CALLS, NO_LISTS + NO_TAGS + NAMELESS):
        with pytest.raises((TypeError, ValueError)):
            await attempt(call, [*tags, "product:A"] if isinstance(tags, list) else tags)
        await resource.get("A")
    assert loads == ["A"]
    await invalidate(["product:A"])
    await resource.get("A")
    assert loads == ["A", "A"]


@pytest.mark.parametrize("wrong", [*NO_LISTS, *NO_TAGS])
@pytest.mark.parametrize("option", ["tags", "value_tags"])
async def test_declared_tags_that_are_no_list_of_strings_are_reported_to_the_first_reader(alias, option, wrong):
    resource = Resource("bare", load=load, policy=POLICY, **{option: lambda _: wrong})
    for call in (resource.get, resource.refresh):
        with pytest.raises(TypeError, match=r"Resource 'bare': .*Give "):
            await call("A")
    assert await engine_of(alias).shared.holder(resource.entry_key(("A",), {}).key) is None
    if option == "tags":
        for call in (resource.invalidate, resource.expire):
            with pytest.raises(TypeError, match=r"Resource 'bare': .*Give "):
                await call("A")


@pytest.mark.parametrize("tags", ["a", b"a"])
def test_not_there_with_a_string_of_tags_is_refused(tags):
    with pytest.raises(TypeError, match=r"NotThere\(tags=\["):
        NotThere("nothing", tags=tags)


@pytest.mark.parametrize("wrong", NO_TAGS)
async def test_not_there_with_tags_of_another_type_is_reported(alias, wrong):
    async def load(sku: str) -> int:
        raise NotThere(tags=wrong)

    with pytest.raises(TypeError, match=r"Resource 'absent': .*Give "):
        await Resource("absent", load=load, policy=POLICY).get("A")


@pytest.mark.parametrize("tags", NO_LISTS + NO_TAGS)
def test_a_dependency_with_tags_that_are_no_list_of_strings_is_refused(tags):
    with track_dependencies(), pytest.raises(TypeError, match=r"invalidate\(\["):
        add_dependency("key", tags, 0, 0, stale=False)


# --- declarations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"policy": 60}, r"policy is 60.*Policy\(ttl"),
        ({"load": 1}, "load is 1.*load_price"),
        ({"tags": "product:A"}, "tags is 'product:A'.*lambda"),
        ({"tags": ["product:A"]}, "tags is .*lambda"),
        ({"value_tags": "product:A"}, "value_tags is .*lambda"),
        ({"load_many": {}}, "load_many is .*load_prices"),
        ({"adapt": POLICY}, "adapt is .*lambda"),
        (
            {"tags": lambda: ["a"]},
            r"tags cannot be called with the parameters of the loader \(sku\).*same parameters",
        ),
        ({"tags": lambda sku, lang: ["a"]}, "tags cannot be called"),
        ({"tags": lambda *, lang: ["a"]}, "tags cannot be called"),
    ],
)
def test_an_option_that_is_none_is_refused_at_its_declaration(wrong, message):
    with pytest.raises(TypeError, match=rf"Resource 'price': {message}"):
        Resource("price", **{"load": load, "policy": POLICY} | wrong)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (None, TypeError),
        (7, TypeError),
        *((name, ValueError) for name in ("", "x" * 101, "two words", "a\n", "a\x7f")),
    ],
)
def test_a_name_that_is_none_is_refused(name, error):
    with pytest.raises(error, match="resource's name"):
        Resource(name, load=load, policy=POLICY)


def variadic() -> list[Any]:
    async def by_place(*skus: str) -> int:
        return 1

    async def by_name(sku: str, **options: str) -> int:
        return 1

    return [by_place, by_name]


@pytest.mark.parametrize("loader", variadic())
def test_a_loader_of_any_number_of_parameters_is_refused(loader):
    with pytest.raises(LoadError, match=r"takes \*.*Name each parameter"):
        Resource("many", load=loader, policy=POLICY)


def test_a_loader_that_does_not_say_what_it_returns_is_refused():
    async def silent(sku: str):
        return 1

    with pytest.raises(LoadError, match=r"no return annotation.*Write it, as in `async def silent\(...\) -> Price:`"):
        Resource("untyped", load=silent, policy=POLICY)
    with pytest.raises(LoadError, match="no return annotation"):
        Resource("untyped", load=functools.partial(silent), policy=POLICY)


def test_a_loader_whose_annotation_is_missing_at_run_time_is_refused():
    async def astray(sku: str) -> "Elsewhere":  # type: ignore[name-defined] # noqa: F821
        return 1

    with pytest.raises(LoadError, match=r"names Elsewhere.*TYPE_CHECKING"):
        Resource("astray", load=astray, policy=POLICY)


def test_times_of_one_call_are_checked_as_those_of_a_policy():
    resource = Resource("timed", load=load, policy=POLICY)
    assert resource.using(ttl="5m", hard_timeout=2).policy == Policy(ttl=300, hard_timeout="2s", jitter=0)
    with pytest.raises(ValueError, match=r"Policy\.ttl is -1"):
        resource.using(ttl=-1)
    with pytest.raises(TypeError, match=r"Policy\.soft_timeout is True"):
        resource.using(soft_timeout=True)


# --- parameters ---------------------------------------------------------------------------------------


async def test_keyword_only_parameters_are_parameters(alias):
    loads = []

    async def load(sku: str, *, lang: str = "en", currency: str = "EUR") -> str:
        loads.append((sku, lang, currency))
        return f"{sku} {lang} {currency}"

    seen = []

    def tags(sku: str, *, currency: str, lang: str) -> list[str]:
        seen.append((sku, lang, currency))
        return [f"product:{sku}:{lang}"]

    resource = Resource("worded", load=load, policy=POLICY, tags=tags)
    assert await resource.get("a", lang="de") == "a de EUR"
    assert await resource.get("a", currency="EUR", lang="de") == "a de EUR"
    assert await resource.get("a") == "a en EUR"
    assert loads == [("a", "de", "EUR"), ("a", "en", "EUR")]
    assert set(seen) == set(loads)
    assert await resource.get_many([("a", "de", "EUR"), ("b", "fr", "CHF")]) == {
        ("a", "de", "EUR"): "a de EUR",
        ("b", "fr", "CHF"): "b fr CHF",
    }
    await invalidate(["product:a:de"])
    await resource.get("a", lang="de")
    assert loads == [("a", "de", "EUR"), ("a", "en", "EUR"), ("b", "fr", "CHF"), ("a", "de", "EUR")]
    await resource.invalidate("a", lang="de")
    assert await resource.refresh("a", lang="de") == "a de EUR"
    with pytest.raises(TypeError, match="missing a required argument: 'sku'"):
        await resource.get(lang="de")


VALUES = [
    UUID(int=7),
    Decimal("1.50"),
    date(2024, 5, 1),
    datetime(2024, 5, 1, 12),
    time(12),
    Color.RED,
    1.5,
    True,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
async def test_values_of_many_types_are_parameters(alias, value):
    loads = []

    async def load(key: Any) -> str:
        loads.append(key)
        return repr(key)

    resource = Resource("typed", load=load, policy=POLICY)
    assert await resource.get(value) == await resource.get(key=value) == repr(value)
    assert await resource.get_many([value]) == {value: repr(value)}
    assert loads == [value]
    await resource.invalidate(value)
    assert await resource.get(value) == repr(value)
    assert loads == [value, value]


@dataclass
class Unhashable:
    sku: str


@pytest.mark.parametrize("value", [["a"], {"a": 1}, {1}, b"a", object(), Unhashable("a"), (["a"],)])
async def test_a_parameter_without_a_key_is_refused_at_the_call(alias, value):
    resource = Resource("keyed", load=load, policy=POLICY)
    for call in (resource.get, resource.refresh, resource.invalidate):
        with pytest.raises(TypeError, match=r"Resource 'keyed': .*have no key: .*Give plain values"):
            await call(value)
    with pytest.raises(TypeError, match=r"Resource 'keyed': .*have no key: "):
        await resource.get_many([value] if not isinstance(value, tuple) else [(value,)])


# --- what a loader raises -----------------------------------------------------------------------------


async def test_a_loaders_own_timeout_stays_its_own(alias):
    async def load(sku: str) -> int:
        raise TimeoutError("upstream took 1 s")

    resource = Resource("upstream", load=load, policy=POLICY)
    for call in (resource.get, resource.refresh):
        with pytest.raises(TimeoutError, match="upstream took 1 s"):
            await call("A")


async def test_only_the_engines_own_timeout_is_a_load_timeout(alias):
    async def load(sku: str) -> int:
        await asyncio.Event().wait()
        return 1

    resource = Resource("endless", load=load, policy=Policy(ttl="1h", hard_timeout="20ms"))
    with pytest.raises(LoadTimeout, match=r"0\.02 s.*raise hard_timeout") as raised:
        await resource.get("A")
    assert isinstance(raised.value.__cause__, TimeoutError)


class DoesNotExist(ObjectDoesNotExist):
    pass


@pytest.mark.parametrize("error", [DoesNotExist("no row"), NotThere("no row")])
async def test_an_object_that_does_not_exist_is_a_negative_answer(alias, error):
    loads = []

    async def load(sku: str) -> int:
        loads.append(sku)
        raise error

    resource = Resource("rows", load=load, policy=POLICY, tags=lambda sku: [f"row:{sku}"])
    with pytest.raises(NotThere, match="rows") as raised:
        await resource.get("A")
    assert raised.value.__cause__ is error
    assert "row:A" in raised.value.tags
    with pytest.raises(NotThere, match="rows") as raised:
        await resource.get("A")
    assert raised.value.__cause__ is None, "the answer is the cache's"
    assert loads == ["A"]
    assert await resource.get_many(["A"]) == {}
    with pytest.raises(NotThere) as raised:
        await resource.refresh("A")
    assert raised.value.__cause__ is error
    await invalidate(["row:A"])
    with pytest.raises(NotThere):
        await resource.get("A")
    assert loads == ["A", "A", "A"]


async def test_readers_who_wait_for_one_load_get_one_answer(alias):
    gate = asyncio.Event()

    async def load(sku: str) -> int:
        await gate.wait()
        raise DoesNotExist("no row")

    resource = Resource("waited", load=load, policy=POLICY)
    readers = [asyncio.ensure_future(resource.get("A")) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotThere] * 3
    assert len({id(answer) for answer in answers}) == 3


async def test_a_404_of_a_loader_is_its_error(alias):
    """It is an answer to a request, and a loader has none."""
    loads = []

    async def load(sku: str) -> int:
        loads.append(sku)
        raise Http404

    resource = Resource("pages", load=load, policy=POLICY)
    for _ in range(2):
        with pytest.raises(Http404):
            await resource.get("A")
    assert loads == ["A", "A"]


def test_sync_readers_get_the_same(alias):
    async def load(sku: str) -> int:
        raise DoesNotExist("no row") if sku == "A" else TimeoutError("upstream")

    resource = Resource("rows", load=load, policy=POLICY)
    for _ in range(2):
        with pytest.raises(NotThere):
            resource.get_sync("A")
    with pytest.raises(TimeoutError, match="upstream"):
        resource.get_sync("B")
    with pytest.raises(TypeError, match="have no key"):
        resource.get_sync(["A"])
    for call in (resource.invalidate_sync, resource.expire_sync):
        call("A")
