"""What the README says can be followed."""

import re

import pytest

from tests.support.service import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(?:\S+=\S+ )?pytest ([^`]+)`", README)))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_proof_exists(command):
    path, _, chosen = command.partition(" ")
    place = ROOT / path
    assert place.exists()
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    tests = re.findall(r"def (test_\w+)", "\n".join(file.read_text() for file in files))
    word = chosen.removeprefix("-k ") if chosen.startswith("-k ") else "test_"
    assert any(word in test for test in tests)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_each_link_leads_somewhere(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", README)) - {"and", "is"}))
def test_each_make_target_exists(target):
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
