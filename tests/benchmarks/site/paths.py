"""The pages that readers ask for: a few of them most of the time (Zipf, s = 1), the same in every run."""

import random
from pathlib import Path

REQUESTS = 200_000
SEED = 18


def draw_paths(paths: list[str], count: int = REQUESTS) -> list[str]:
    """The n-th page of some order is asked for n times less often than the first, which is the front page."""
    chosen = random.Random(SEED)
    ranked = [paths[0], *chosen.sample(paths[1:], len(paths) - 1)]
    return chosen.choices(ranked, weights=[1 / rank for rank in range(1, len(ranked) + 1)], k=count)


def write_paths(paths: list[str], file: Path) -> Path:
    """One a line, as readers.lua reads them."""
    file.write_text("\n".join(draw_paths(paths)))
    return file
