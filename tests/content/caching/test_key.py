import enum
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.key import MAX_PARAMETERS, resource_key, tag_key


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796
    BLUE = "1"


class Shape(enum.Enum):
    RED = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Status(enum.StrEnum):
    DRAFT = "draft"


class Level(enum.IntEnum):
    ONE = 1


scalars = (
    st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False).map(lambda x: x + 0.0)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.uuids()
    | st.decimals(allow_nan=False).map(lambda value: value.normalize() + 0)
    | st.sampled_from([*Color, *Shape, *Rights])
)
parameters = st.lists(scalars | st.tuples(scalars, scalars), max_size=4).map(tuple)


def with_type(value):
    """Equal only where Python would call both value and type the same."""
    if isinstance(value, tuple):
        return ("tuple", tuple(map(with_type, value)))
    return (type(value).__name__, repr(value))


@given(parameters, parameters)
def test_two_sets_of_parameters_never_share_a_key(one, other):
    same_key = resource_key("r", "1", one) == resource_key("r", "1", other)
    assert same_key == (with_type(one) == with_type(other))


@given(st.sampled_from(["1", "None", "true", "a,b", "(a)", "!None", "'a", "a#b", "~"]), scalars)
def test_a_text_that_looks_like_something_else_is_not_it(text, other):
    if with_type(text) != with_type(other):
        assert resource_key("r", "1", (text,)) != resource_key("r", "1", (other,))
    assert resource_key("r", "1", ("a", "b")) != resource_key("r", "1", ("a,b",))
    assert resource_key("r", "1", (("a", "b"),)) != resource_key("r", "1", ("a", "b"))


@given(parameters)
def test_keys_are_bounded_and_safe_for_every_backend(some):
    key = resource_key("resource", "1", some)
    assert len(key) <= len("resource@1:") + MAX_PARAMETERS
    assert key.isascii()
    assert not any(character.isspace() or ord(character) < 33 for character in key)


def test_long_parameters_that_share_a_beginning_have_keys_of_their_own():
    assert resource_key("r", "1", ("x" * 500 + "a",)) != resource_key("r", "1", ("x" * 500 + "b",))


def test_keys_are_readable():
    assert resource_key("post", "3", ("post", "hello-world")) == "post@3:post,hello-world"
    assert resource_key("listing", "1", ("category", 7, 2, 10)) == "listing@1:category,7,2,10"
    assert tag_key("category:7:posts") == "tag:category:7:posts"
    assert resource_key("r", "1", (date(2024, 5, 1),)) != resource_key("r", "1", (datetime(2024, 5, 1),))


@given(scalars, scalars)
def test_values_of_one_type_share_a_key_exactly_if_they_are_equal(one, other):
    if type(one) is type(other):
        assert (resource_key("r", "1", (one,)) == resource_key("r", "1", (other,))) == (one == other)


NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal(1), Decimal("1.000")),
        (Decimal(100), Decimal("1e2")),
        (Decimal(0), Decimal("-0.00")),
        (Decimal("0.10"), Decimal("1e-1")),
        (Decimal("1" * 40), Decimal("1" * 40 + ".0")),
        (0.0, -0.0),
        (NOON, NOON.astimezone(timezone(timedelta(hours=-7)))),
        (NOON, NOON.astimezone(ZoneInfo("Europe/Berlin"))),
        (time(12, tzinfo=UTC), time(13, tzinfo=timezone(timedelta(hours=1)))),
        (time(0, 30, tzinfo=timezone(timedelta(hours=1))), time(0, 30, tzinfo=timezone(timedelta(hours=1)), fold=1)),
        (uuid.UUID(int=7), uuid.UUID("00000000000000000000000000000007")),
        (Color.RED, Color.CRIMSON),
        (Status.DRAFT, "draft"),
        (Level.ONE, 1),
    ],
)
def test_equal_values_have_equal_keys(one, other):
    assert one == other
    assert resource_key("r", "1", (one,)) == resource_key("r", "1", (other,))


def test_values_of_different_types_have_keys_of_their_own():
    moment = datetime(2024, 5, 1)
    alike = [
        1,
        True,
        "1",
        Decimal(1),
        1.0,
        "True",
        "1.0",
        "!decimal.1e0",
        Color.RED,
        Color.BLUE,
        Shape.RED,
        "Color.RED",
    ]
    alike += [
        Rights.READ,
        Rights.READ | Rights.WRITE,
        Rights(0),
        0,
        False,
        None,
        "None",
        Decimal("NaN"),
        float("nan"),
    ]
    alike += [moment, moment.date(), moment.time(), moment.replace(tzinfo=UTC), moment.time().replace(tzinfo=UTC)]
    alike += [uuid.UUID(int=1), str(uuid.UUID(int=1)), uuid.UUID(int=1).hex, 10**5000, f"{10**5000:x}", (), ((),)]
    alike += [
        Decimal("Infinity"),
        float("inf"),
        -float("inf"),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=9))),
    ]
    assert len({resource_key("r", "1", (value,)) for value in alike}) == len(alike)


@pytest.mark.parametrize("value", [object(), b"a", {"a": 1}, {1}, 1j, Color, len])
def test_a_parameter_without_a_key_is_refused_with_the_fix(value):
    with pytest.raises(TypeError, match=r"cannot be a parameter.*Use text, numbers"):
        resource_key("r", "1", (value,))
