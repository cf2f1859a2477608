"""Values come back with the types they had; others are refused when they are stored."""

import enum
import math
import pickle
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.http import (
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
    SimpleCookie,
    StreamingHttpResponse,
)
from django.template import engines
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.test import RequestFactory
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from content.caching import serializer
from content.caching.errors import Unreadable
from content.caching.serializer import decode

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Text(str):
    pass


def read(content: bytes) -> object:
    return decode(serializer.unpack, content)


def same(first: object, second: object) -> bool:
    """Equal, of one type, and so are the parts."""
    if type(first) is not type(second):
        return False
    match first:
        case float() | Decimal():
            return repr(first) == repr(second)
        case datetime() | time():
            return (first.isoformat(), first.fold, first.tzinfo) == (second.isoformat(), second.fold, second.tzinfo)
        case list() | tuple():
            return len(first) == len(second) and all(map(same, first, second))
        case dict():
            return len(first) == len(second) and all(map(same, first.items(), second.items()))
        case set() | frozenset():
            return first == second and Counter(map(type, first)) == Counter(map(type, second))
    return first == second


ZONES = st.none() | st.sampled_from(
    [
        UTC,
        ZoneInfo("Europe/Berlin"),
        ZoneInfo("UTC"),
        timezone(timedelta(hours=5, minutes=30)),
        timezone(-timedelta(1) / 2),
    ]
)
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**64), 2**65)
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.text().map(SafeString)
    | st.binary()
    | st.uuids()
    | st.dates()
    | st.timedeltas()
    | st.times(timezones=ZONES)
    | st.datetimes(timezones=ZONES),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_comes_back_with_its_types(value):
    assert same(read(serializer.encode(value)), value)


@given(VALUES, st.data())
def test_i9_mutated_bytes_are_a_value_or_unreadable(value, data):
    content = bytearray(serializer.encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                content[position] = data.draw(st.integers(0, 255))
            case 1:
                content.insert(position, data.draw(st.integers(0, 255)))
            case 2 if len(content) > 1:
                del content[position]
            case 3:
                content[position:] = serializer.encode(data.draw(VALUES))
    with suppress(Unreadable):
        read(bytes(content))


def test_an_enum_comes_back_as_its_value():
    assert read(serializer.encode([Colour.RED, {Size.LARGE: Size.LARGE}])) == ["red", {3: 3}]
    assert type(read(serializer.encode(Size.LARGE))) is int


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "UTC"])
def test_a_named_zone_comes_back_by_its_name(zone):
    for fold in (0, 1):
        moment = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo(zone), fold=fold)
        found = read(serializer.encode(moment))
        assert (found, found.utcoffset(), found.tzinfo.key, found.fold) == (moment, moment.utcoffset(), zone, fold)


def test_a_zone_that_this_machine_does_not_know_becomes_its_offset(monkeypatch):
    content = serializer.encode(datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")))
    found = read(content.replace(b"Europe/Berlin", b"Europe/Berlun"))
    assert found == datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def recursive() -> list:
    value: list = []
    value.append(value)
    return value


def deep(kind: type, levels: int) -> object:
    value: object = kind()
    for _ in range(levels):
        value = kind([value])
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        Point(1, 2),
        OrderedDict(a=1),
        defaultdict(list),
        deque([1]),
        bytearray(b"x"),
        memoryview(b"x"),
        range(3),
        Text("x"),
        gettext_lazy("Monday"),
        SimpleCookie(),
        StreamingHttpResponse([b"x"]),
        print,
        RequestFactory().get("/"),
        recursive(),
        deep(list, 5000),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [1, {"a": value}], lambda value: (value,)])
def test_any_other_value_is_a_type_error(value, wrap):
    with pytest.raises(TypeError):
        serializer.encode(wrap(value))


@pytest.mark.parametrize("kind", [list, tuple])
def test_what_is_stored_can_be_read_by_a_deep_stack_of_calls(kind):
    content = serializer.encode(deep(kind, serializer.MAX_DEPTH - 1))

    def call(levels: int) -> object:
        return call(levels - 1) if levels else read(content)

    assert same(call(300), deep(kind, serializer.MAX_DEPTH - 1))


# --- responses ---------------------------------------------------------------------------------------


def template_response(cls):
    template = engines["django"].from_string("<b>{{ x }}</b>")
    arguments = (RequestFactory().get("/"),) if issubclass(cls, TemplateResponse) else ()
    return cls(*arguments, template, {"x": "é"}).render()


class OfAnotherPackage(TemplateResponse):
    pass


def test_a_response_comes_back_as_a_client_sees_it():
    response = HttpResponse("é", status=201, reason="Made", content_type="text/plain; charset=latin-1")
    response["Vary"] = "Accept, Cookie"
    response.set_cookie("a", "b c;", max_age=60, httponly=True, samesite="Lax", path="/x")
    response.delete_cookie("old")
    found = read(serializer.encode({"page": response}))["page"]
    assert type(found) is HttpResponse
    assert found.serialize() == response.serialize()
    assert found.cookies.output() == response.cookies.output()
    assert (found.status_code, found.reason_phrase, found.charset) == (201, "Made", "latin-1")
    assert found.getvalue() == "é".encode("latin-1")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (JsonResponse({"a": 1}), JsonResponse),
        (HttpResponseRedirect("/there/"), HttpResponseRedirect),
        (HttpResponseNotModified(), HttpResponseNotModified),
        (template_response(SimpleTemplateResponse), SimpleTemplateResponse),
        (template_response(TemplateResponse), TemplateResponse),
        (template_response(OfAnotherPackage), TemplateResponse),
    ],
    ids=lambda value: type(value).__name__,
)
def test_responses_of_each_class(response, kind):
    found = read(serializer.encode(response))
    assert type(found) is kind
    assert found.serialize() == response.serialize()
    assert found.headers == response.headers
    if isinstance(found, SimpleTemplateResponse):
        assert found.is_rendered
        assert found.render().content == response.content
    if isinstance(found, HttpResponseRedirect):
        assert found.url == "/there/"


def test_a_response_that_is_not_rendered_is_a_type_error():
    with pytest.raises(TypeError, match=r"render\(\)"):
        serializer.encode(TemplateResponse(RequestFactory().get("/"), "any.html"))


# --- foreign and hostile bytes -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [None, True, "x", 1.5, b"", {}, [], (), {"a": [1]}, print], ids=repr)
def test_i10_a_pickle_is_unreadable(protocol, value):
    with pytest.raises(Unreadable):
        read(pickle.dumps(value, protocol))


def extension(number: int, data: bytes) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(number, data))


def nest(number: int, levels: int) -> bytes:
    content = b"\x90"
    for _ in range(levels):
        content = b"\x91\xc9" + len(content).to_bytes(4, "big") + bytes([number]) + content
    return content


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xc0", b"\x90", b"\xa1\xff", b"\x94\xa1x\x00\xc0\xc0", b"9" * 5000])
def test_i9_extensions_of_any_number_are_a_value_or_unreadable(data):
    for number in range(-128, 128):
        for content in (extension(number, data), b"\x81" + extension(number, data) + b"\x01"):
            with suppress(Unreadable):
                read(content)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_i9_deep_extensions_are_unreadable(number):
    with pytest.raises(Unreadable):
        read(nest(number, 20_000))


def test_infinite_numbers_come_back():
    assert read(serializer.encode([math.inf, Decimal("-Infinity"), Decimal("1E+999")])) == [
        math.inf,
        Decimal("-Infinity"),
        Decimal("1E+999"),
    ]
    assert read(serializer.encode(UUID(int=0))) == UUID(int=0)
    assert read(serializer.encode(date.min)) == date.min
    assert read(serializer.encode({time.max, time.min})) == {time.max, time.min}
    assert str(read(serializer.encode([Decimal("sNaN")]))[0]) == "sNaN"
