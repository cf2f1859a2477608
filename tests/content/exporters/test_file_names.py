"""A file's name is its post's slug, or has a digest where some file system would confuse two slugs."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.exporters.tables import file_name

slugs = st.from_regex(r"[\w-]{1,200}", fullmatch=True)


@pytest.mark.parametrize("slug", ["a", "open-source", "2024", "дерево", "été", "a_b", "café-au-lait"])
def test_a_slug_is_the_name(slug):
    assert file_name(slug) == slug


CONFUSING = [
    "News", "con", "index", "readme", "_a", "-a", "x" * 200, "ж" * 61, "", "../../etc", "a/b", "a--0123456789abcdef",
    "\u017f", "ß", "e\u0301",
]  # fmt: skip


@pytest.mark.parametrize("slug", CONFUSING)
def test_a_confusing_slug_gets_a_digest(slug):
    name = file_name(slug)
    assert name != slug
    assert name.isascii()
    assert not {"/", "\\", "."} & set(name)
    assert len(name) < 100


def fold_name(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).upper().casefold())


@given(slugs, slugs)
def test_two_slugs_share_no_file(one: str, other: str):
    if one != other:
        assert fold_name(file_name(one)) != fold_name(file_name(other))


@given(slugs)
def test_a_slug_in_other_letters_is_another_file(slug: str):
    for other in {slug.upper(), slug.title(), unicodedata.normalize("NFD", slug)} - {slug}:
        assert fold_name(file_name(slug)) != fold_name(file_name(other))
