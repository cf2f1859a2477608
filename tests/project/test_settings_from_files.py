"""Settings whose values are in files: secrets of containers and of systemd."""

import pytest

from project.environment import FILE_SUFFIX, LARGEST_FILE, Environment, parse, variables
from project.wrong_settings import WrongSettings, unknown_settings


@pytest.fixture
def write(tmp_path):
    def write_value(text: str) -> str:
        file = tmp_path / "secret"
        file.write_text(text)
        return str(file)

    return write_value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SECRET_KEY", "from a file\n", "from a file"),
        ("DATABASE_URL", "postgres://user:word@host/name\n", "postgres://user:word@host/name"),
        ("EVERGREEN_MEMORY", " 32 ", 32),
    ],
)
def test_a_file_has_the_value(write, name, text, value):
    assert getattr(parse({name + FILE_SUFFIX: write(text)}), name) == value


def mistakes_of(**values: str) -> list[str]:
    with pytest.raises(WrongSettings) as raised:
        parse(values)
    return raised.value.mistakes


def test_a_value_and_a_file_are_one_too_many(write):
    (mistake,) = mistakes_of(SECRET_KEY="here", SECRET_KEY_FILE=write("there"))
    assert mistake == "SECRET_KEY and SECRET_KEY_FILE are both set. Allowed: one of them."


def test_an_empty_value_is_none(write):
    assert parse({"SECRET_KEY": "", "SECRET_KEY_FILE": write("there")}).SECRET_KEY == "there"


@pytest.mark.parametrize(
    ("text", "reason"), [("", "it is empty"), (" \n", "it is empty"), ("x" * (LARGEST_FILE + 1), "it is longer")]
)
def test_a_file_that_holds_no_value_is_a_mistake(write, text, reason):
    (mistake,) = mistakes_of(SECRET_KEY_FILE=write(text))
    assert mistake.startswith("SECRET_KEY_FILE is ")
    assert reason in mistake
    assert mistake.endswith("Allowed: a file with the value of SECRET_KEY.")


def test_all_mistakes_are_told_at_once(tmp_path):
    found = mistakes_of(
        SECRET_KEY_FILE=str(tmp_path / "nothing"), REDIS_URL="garbage", DATABASE_URL_FILE=str(tmp_path)
    )
    assert [mistake.partition(" ")[0] for mistake in found] == ["SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL"]
    assert "No such file" in found[0]


def test_a_wrong_value_of_a_file_is_shown_without_its_password(write):
    (mistake,) = mistakes_of(REDIS_URL_FILE=write("ftp://user:word@host"))
    assert mistake.startswith("REDIS_URL is 'ftp://***@host'")


def test_bytes_that_are_no_text_are_a_mistake(tmp_path):
    file = tmp_path / "bytes"
    file.write_bytes(b"\xff\xfe")
    assert mistakes_of(SECRET_KEY_FILE=str(file))


def test_each_variable_may_be_in_a_file():
    assert set(variables()) == {each for name in Environment.model_fields for each in (name, name + FILE_SUFFIX)}
    assert unknown_settings([name for name in variables() if name.startswith("EVERGREEN_")], variables()) == []
