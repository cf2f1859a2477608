"""The examples of docs/capacity.md: commands, with what they print below them."""

import os
import re
import shlex
from io import StringIO
from pathlib import Path

import django
from django.core.management import call_command

PAGE = Path(__file__).parents[3] / "docs/capacity.md"
EXAMPLE = re.compile(r"^```\n\$ manage\.py capacity ([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(words: str) -> str:
    output = StringIO()
    call_command("capacity", *shlex.split(words), stdout=output)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def rewrite(text: str) -> str:
    """The page with what the commands print now."""
    return EXAMPLE.sub(lambda found: f"```\n$ manage.py capacity {found[1]}\n{run(found[1])}```", text)


def write_page() -> None:
    PAGE.write_text(rewrite(PAGE.read_text()))


if __name__ == "__main__":
    # Any settings do: the examples name all numbers.
    os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    django.setup()
    write_page()
