"""Where in a text there is code, a tag or a comment: neither shortcodes nor paragraphs are looked for in there."""

import re
from bisect import bisect_right

KEPT = re.compile(
    r"<(pre|code|script|style|textarea|svg)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|</?[a-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)


class Kept:
    """The parts of one text that stay as they are, by offset."""

    def __init__(self, text: str) -> None:
        self.spans = [match.span() for match in KEPT.finditer(text)]
        self.starts = [start for start, _ in self.spans]

    def holds(self, offset: int) -> bool:
        index = bisect_right(self.starts, offset) - 1
        return index >= 0 and offset < self.spans[index][1]
