"""Parameters are read back from keys: exactly, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.key import MAX_PARAMETERS, resource_key
from content.caching.key_decoder import decode_name, decode_parameters
from tests.content.caching.test_key import with_type

scalars = (
    st.text(max_size=20)
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False).map(lambda number: number + 0.0)
    | st.dates()
    | st.datetimes().map(lambda moment: moment.replace(fold=0))
    | st.uuids()
    | st.decimals(allow_nan=False, places=3).map(lambda value: value.normalize() + 0)
)
parameters = st.lists(scalars | st.tuples(scalars, st.tuples(scalars)), max_size=4).map(tuple)


def text_of(given: tuple) -> str:
    return resource_key("book", "1", given).partition(":")[2]


@given(parameters)
def test_parameters_are_read_back_with_their_types_unless_they_were_cut(given):
    text = text_of(given)
    found = decode_parameters(text)
    if "#" in text:
        assert found is None
    else:
        assert found is not None
        assert text_of(found) == text
        assert with_type(found) == with_type(given)


@given(st.text() | st.from_regex(r"[!'()a-z0-9.%,:#-]{0,200}", fullmatch=True))
def test_any_text_is_parameters_that_have_this_text_or_none(text):
    found = decode_parameters(text)
    assert found is None or text_of(found) == text


NO_NAMES = {
    "nothing": "",
    "no colon": "post",
    "no resource": ":a",
    "a page without an address": "page:",
    "too long an address": "page:http://site/" + "a" * 500,
    "too many parentheses": "post:" + "(" * 60 + ")" * 60,
    "longer than any": "post:" + "a" * (MAX_PARAMETERS + 1),
    "an enum": "post:!enum.os.system.1",
    "digits of another script": "post:٣",
    "another way to write it": "post:%61",
}


@pytest.mark.parametrize("text", NO_NAMES.values(), ids=NO_NAMES)
def test_other_text_is_no_name(text):
    assert decode_name(text) is None


def test_names_are_read():
    assert decode_name("site:") == ("site", ())
    assert decode_name("post:post,hello") == ("post", ("post", "hello"))
    assert decode_name("page:http://site/a?x=1:2") == ("page", ("http://site/a?x=1:2",))
