"""Sentences from templates: `{thing} is easy to miss` with a thing drawn from the theme's own."""

import re
from collections.abc import Mapping, Sequence
from random import Random

SYMBOL = re.compile(r"\{(\w+)\}")


class Bag:
    """Lines drawn in random order, none again before all have been."""

    def __init__(self, lines: Sequence[str], rng: Random) -> None:
        self.lines = lines
        self.rng = rng
        self.left: list[str] = []
        self.last: str | None = None

    def draw(self) -> str:
        if not self.left:
            self.left = self.rng.sample(self.lines, len(self.lines))
            # The first of a new round is not the last of the one before.
            if self.left[-1] == self.last:
                self.left.reverse()
        self.last = self.left.pop()
        return self.last


class Grammar:
    """`rules` maps a symbol to the lines that may stand for it, which may hold symbols themselves."""

    def __init__(self, rules: Mapping[str, Sequence[str]], rng: Random) -> None:
        self.bags = {symbol: Bag(lines, rng) for symbol, lines in rules.items()}

    def phrase(self, symbol: str) -> str:
        """A line for the symbol, with the symbols in it replaced; `{Symbol}` begins with a capital."""
        return SYMBOL.sub(self.replacement, self.bags[symbol].draw())

    def sentence(self, symbol: str) -> str:
        return capitalised(self.phrase(symbol))

    def replacement(self, match: re.Match[str]) -> str:
        name = match[1]
        if name.lower() not in self.bags:
            return match[0]
        return self.phrase(name) if name in self.bags else self.sentence(name.lower())


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
