"""`manage.py capacity`: what it prints, as JSON too, and whose numbers it takes."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.benchmarks.capacity.page import EXAMPLE, PAGE, rewrite


def run(capsys, *words: str) -> str:
    call_command("capacity", *words)
    return capsys.readouterr().out


@pytest.mark.django_db
def test_posts_and_memory_are_those_of_the_installation(capsys, settings) -> None:
    settings.CACHE_MEMORY = 32 * 1024**2
    plan = json.loads(run(capsys, "--json"))
    assert plan["load"]["posts"] == 0
    assert plan["load"]["memory"] == 32
    assert plan["demand"]["amounts"]["web_cpu"] > 0
    assert plan["ends"][0]["then"]


@pytest.mark.django_db
def test_a_number_out_of_bounds_is_refused() -> None:
    with pytest.raises(CommandError, match="--edits -1") as refused:
        call_command("capacity", "--edits", "-1")
    assert refused.value.returncode == 2


@pytest.mark.django_db
def test_the_page_shows_what_the_command_prints_now() -> None:
    """`python -m tests.benchmarks.capacity.page` writes it."""
    text = PAGE.read_text()
    assert len(EXAMPLE.findall(text)) >= 5
    assert rewrite(text) == text
