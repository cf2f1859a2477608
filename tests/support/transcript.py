"""Transcripts in pages of docs/: lines "$ command" in fenced blocks, and below each what it prints."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FENCE = re.compile(r"^```\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Stands for any text; alone on a line for any lines.
ANYTHING = "…"


@dataclass
class Typed:
    command: str
    expected: list[str] = field(default_factory=list)

    def differs(self, output: str) -> str:
        """Why the output is another; empty if it is as expected. All of it counts, but what `…` stands for."""
        pattern = "".join(self.pattern_of(line) for line in self.expected)
        text = "".join(f"{line.rstrip()}\n" for line in output.splitlines())
        return "" if re.fullmatch(pattern, text) else f"$ {self.command}\n{text}\ndoes not match\n{pattern}"

    @staticmethod
    def pattern_of(line: str) -> str:
        if line == ANYTHING:
            return r"(?:.*\n)*?"
        return re.escape(line).replace(re.escape(ANYTHING), ".*") + r"\n"


def read_transcript(page: str) -> Iterator[Typed]:
    typed: Typed | None = None
    for block in FENCE.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                if typed:
                    yield typed
                typed = Typed(line[2:])
            elif typed:
                typed.expected.append(line)
        if typed:
            yield typed
        typed = None
