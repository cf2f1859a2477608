"""The documentation can be followed: its links lead somewhere; its tests, targets and commands exist."""

import re
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.support.service import ROOT

DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)\"""")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PROOF = re.compile(r"`(?:\S+=\S+ )?pytest ([^`]+)`|python -m pytest (.+)")
MANAGE = re.compile(r"manage\.py ([a-z_]+)([^`\n]*)")
TARGET = re.compile(r"`make ([a-z]+)")
TERM = re.compile(r"^\|[^|]*\|[^|]*\|([^|]*)\|", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def links_of(page: Path) -> list[str]:
    links = ["".join(found) for found in LINK.findall(without_code(page.read_text()))]
    return [link for link in links if not link.startswith(("http:", "https:"))]


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub writes them."""
    headings = HEADING.findall(without_code(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page):
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_the_index():
    linked = {(DOCS / link).resolve() for link in links_of(DOCS / "README.md")}
    assert {page for page in DOCS.glob("*.md") if page.resolve() not in linked} == {DOCS / "README.md"}


def test_every_picture_is_shown_and_small():
    pictures = sorted((DOCS / "images").iterdir())
    shown = {(page.parent / link).resolve() for page in PAGES for link in links_of(page)}
    assert {picture for picture in pictures if picture.resolve() not in shown} == set()
    assert {picture.name for picture in pictures if picture.stat().st_size > 100_000} == set()


def proofs() -> list[str]:
    found = {"".join(parts).strip() for page in PAGES for parts in PROOF.findall(page.read_text())}
    return sorted(proof for proof in found if "tests/" in proof)


@pytest.mark.parametrize("proof", proofs())
def test_each_proof_exists(proof):
    words = proof.split()
    word = words[words.index("-k") + 1] if "-k" in words else "test_"
    place = ROOT / next(word for word in words if word.startswith("tests/"))
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    tests = re.findall(r"def (test_\w+)", "\n".join(file.read_text() for file in files))
    assert any(word in name for name in (*tests, *(file.stem for file in files)))


@each_page
def test_each_make_target_exists(page):
    makefile = (ROOT / "Makefile").read_text()
    for target in TARGET.findall(page.read_text()):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target


@each_page
def test_each_command_and_its_options_exist(page):
    for name, rest in MANAGE.findall(page.read_text()):
        command = load_command_class(get_commands()[name], name)
        parser = command.create_parser("manage.py", name)
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest))
        assert options <= options_of(parser), (name, rest)


def options_of(parser: ArgumentParser) -> set[str]:
    """Those of its subcommands too."""
    options = {option for action in parser._actions for option in action.option_strings}
    verbs = [
        verb for each in parser._actions if isinstance(each, _SubParsersAction) for verb in each.choices.values()
    ]
    return options.union(*map(options_of, verbs))


def test_every_rule_of_the_protocol_has_its_test():
    named = set(re.findall(r"`(test_rule_\d+)`", (DOCS / "protocol.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests/content").rglob("test_*.py"))
    assert {name for name in named if f"def {name}_" not in written} == set()
    assert len(named) == 18


def test_each_name_in_the_glossary_is_in_the_code():
    code = "\n".join(path.read_text() for root in ("content", "workers") for path in (ROOT / root).rglob("*.py"))
    cells = TERM.findall((DOCS / "glossary.md").read_text())
    names = {
        name for cell in cells for quoted in re.findall(r"`([^`]+)`", cell) for name in re.findall(r"\w+", quoted)
    }
    assert {name for name in names if not re.search(rf"\b{name}\b", code)} == set()
