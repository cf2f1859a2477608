"""Tags are checked before anything is written for them."""

import enum

import pytest
from django.utils.safestring import mark_safe

from content.caching.key import MAX_TAG_LENGTH, check_tags


class Color(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], ()),
        (["a"], ("a",)),
        (("a", "b"), ("a", "b")),
        ({"a"}, ("a",)),
        ((tag for tag in "ab"), ("a", "b")),
        (["größe:€", "猫", "with space", "\x00"], ("größe:€", "猫", "with space", "\x00")),
        (["x" * MAX_TAG_LENGTH], ("x" * MAX_TAG_LENGTH,)),
        ([mark_safe("safe"), Color.RED], ("safe", "red")),
    ],
)
def test_tags_that_name_something_are_taken_as_they_are(tags, expected):
    checked = check_tags(tags)
    assert checked == expected
    assert all(type(tag) is str for tag in checked)


@pytest.mark.parametrize("tags", ["a", "post:42", "", b"a", bytearray(b"a"), mark_safe("a"), 42, None, object()])
def test_tags_that_are_no_list_of_strings_are_refused(tags):
    with pytest.raises(TypeError, match=r"invalidate\(\["):
        check_tags(tags)


@pytest.mark.parametrize("tag", [42, None, b"a", ("a",), ["a"], 1.5, True, object()])
def test_a_tag_that_is_no_string_is_refused(tag):
    with pytest.raises(TypeError, match=r"of type .*invalidate\(\["):
        check_tags(["a", tag])


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("", "is empty"),
        ("x" * (MAX_TAG_LENGTH + 1), f"has {MAX_TAG_LENGTH + 1} characters; {MAX_TAG_LENGTH} are the most"),
        ("half \ud800", "half of a surrogate pair"),
    ],
)
def test_a_tag_that_can_name_nothing_is_refused(tag, message):
    with pytest.raises(ValueError, match=message) as raised:
        check_tags(["a", tag])
    assert len(str(raised.value)) < 400
