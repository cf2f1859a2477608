"""What the documentation says can be followed: its first program runs, its links lead somewhere, its tests exist."""

import contextlib
import importlib
import re
import subprocess
import sys

import pytest

from tests.support.service import ROOT, clean_environment

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def first_program(page: str) -> str:
    return PROGRAM.search((DOCS / page).read_text()).group(1)


def run(program: str, redis_url: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", program.replace("redis://127.0.0.1:6379/0", redis_url)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_quick_start_runs_as_it_stands(fresh_redis):
    program = first_program("quick-start.md")
    again = ["loading A-100", "and again after a write: 990"]
    assert run(program, fresh_redis) == ["loading A-100", "1000 readers, one load", *again]
    assert run(program, fresh_redis) == ["1000 readers, one load", *again]


def test_the_example_of_fragments_does_what_stands_below_it(fresh_redis):
    page = (DOCS / "fragments.md").read_text()
    shown = re.findall(r"^    (.+)$", page.split("```")[2], re.MULTILINE)
    assert run(first_program("fragments.md"), fresh_redis) == shown
    assert len(shown) == 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_program_is_python(page):
    for program in PROGRAM.findall(page.read_text()):
        compile(program, page.name, "exec", flags=0x2000)  # await at top level, as in a notebook


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = LINK.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"`(test_rule_\d+)`", (DOCS / "protocol.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests/content").rglob("test_*.py"))
    assert {name for name in named if f"def {name}_" not in written} == set()
    assert len(named) == 18


PATH = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)+)`")
TERM = re.compile(r"^\|[^|]*\|[^|]*\|([^|]*)\|", re.MULTILINE)


def paths_in_contributing() -> list[str]:
    questions = (ROOT / "CONTRIBUTING.md").read_text().partition("## Ten questions")[2]
    return sorted({path for path in PATH.findall(questions) if not path.endswith((".py", ".md"))})


def find(path: str) -> object:
    """The module, class, function or field of that name; names of the engine are relative to it."""
    parts = path.split(".") if path.startswith(("content.", "workers.")) else ["content", "caching", *path.split(".")]
    for end in range(len(parts), 0, -1):
        with contextlib.suppress(ImportError):
            found: object = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                found = getattr(found, part, None) or found.__annotations__[part]
            return found
    raise LookupError(path)


@pytest.mark.parametrize("path", paths_in_contributing())
def test_each_name_that_answers_a_question_is_in_the_code(path):
    assert find(path) is not None


def test_each_name_in_the_glossary_is_in_the_code():
    code = "\n".join(path.read_text() for root in ("content", "workers") for path in (ROOT / root).rglob("*.py"))
    cells = TERM.findall((DOCS / "glossary.md").read_text())
    names = {
        name for cell in cells for quoted in re.findall(r"`([^`]+)`", cell) for name in re.findall(r"\w+", quoted)
    }
    assert {name for name in names if not re.search(rf"\b{name}\b", code)} == set()
