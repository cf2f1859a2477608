"""The rules of Eleventy: data files, permalinks that are off, computed values, collections."""

import re
from collections.abc import Iterator
from typing import Any

from content.importers.front_matter import is_no

CONFIGS = (".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "eleventy.config.ts")
IGNORE_FILE = ".eleventyignore"
MOST_IGNORE_LINES = 1000
DATA_SUFFIXES = (".json", ".11tydata.json")
PROGRAM_SUFFIXES = (".11tydata.js", ".11tydata.cjs", ".11tydata.mjs", ".11tydata.ts")
# A program that contains one of these words may withhold posts.
WITHHOLDING_WORDS = re.compile(rb"permalink|eleventyExcludeFromCollections|draft|published")
# Names of collections, which are no tags for readers.
COLLECTIONS = {"post", "posts", "all"}


def is_permalink_off(permalink: Any) -> bool:
    """Whether a permalink writes no file, or may compute `false`."""
    if isinstance(permalink, dict):
        return any(is_no(value) for value in permalink.values())
    return isinstance(permalink, str) and "{" in permalink and "false" in permalink


def is_excluded_from_posts(excluded: Any) -> bool:
    if isinstance(excluded, list):
        return not COLLECTIONS.isdisjoint(map(str, excluded))
    return not is_no(excluded)


def computed_values(computed: Any) -> Iterator[tuple[str, Any]]:
    """Values of `eleventyComputed` that may withhold the file. A permalink does so if it may compute `false`."""
    for name, value in computed.items() if isinstance(computed, dict) else ():
        if name != "permalink" or "false" in str(value):
            yield str(name), value
