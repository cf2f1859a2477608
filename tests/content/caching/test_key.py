from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from content.caching.key import MAX_PARAMETERS, resource_key, tag_key

scalars = (
    st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False).map(lambda x: x + 0.0)
    | st.dates()
    | st.datetimes()
)
parameters = st.lists(scalars | st.tuples(scalars, scalars), max_size=4).map(tuple)


def typed(value):
    """Equal only where Python would call both value and type the same."""
    if isinstance(value, tuple):
        return ("tuple", tuple(map(typed, value)))
    return (type(value).__name__, repr(value))


@given(parameters, parameters)
def test_two_sets_of_parameters_never_share_a_key(one, other):
    same_key = resource_key("r", 1, one) == resource_key("r", 1, other)
    assert same_key == (typed(one) == typed(other))


@given(st.sampled_from(["1", "None", "true", "a,b", "(a)", "!None", "'a", "a#b", "~"]), scalars)
def test_a_text_that_looks_like_something_else_is_not_it(text, other):
    if typed(text) != typed(other):
        assert resource_key("r", 1, (text,)) != resource_key("r", 1, (other,))
    assert resource_key("r", 1, ("a", "b")) != resource_key("r", 1, ("a,b",))
    assert resource_key("r", 1, (("a", "b"),)) != resource_key("r", 1, ("a", "b"))


@given(parameters)
def test_keys_are_bounded_and_safe_for_every_backend(some):
    key = resource_key("resource", 1, some)
    assert len(key) <= len("resource@1:") + MAX_PARAMETERS
    assert key.isascii()
    assert not any(character.isspace() or ord(character) < 33 for character in key)


def test_long_parameters_that_share_a_beginning_have_keys_of_their_own():
    assert resource_key("r", 1, ("x" * 500 + "a",)) != resource_key("r", 1, ("x" * 500 + "b",))


def test_keys_are_readable():
    assert resource_key("post", 3, ("post", "hello-world")) == "post@3:post,hello-world"
    assert resource_key("listing", 1, ("category", 7, 2, 10)) == "listing@1:category,7,2,10"
    assert tag_key("category:7:posts") == "tag:category:7:posts"
    assert resource_key("r", 1, (date(2024, 5, 1),)) != resource_key("r", 1, (datetime(2024, 5, 1),))
