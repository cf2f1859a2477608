"""Is that the answer to what was asked? Counts, and keeps what is wrong."""

import gzip
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import brotli

from tests.support.abuse.asked import Asked
from tests.support.abuse.connection import Answer
from tests.support.abuse.edits import Edits
from tests.support.abuse.pages import size_of, version_in

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Of page and version, and of the coding.
TAG = re.compile(r'"(\d+)-(\d+)(?:-+[a-z]+\d+)?"')
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
DECODED = {"br": brotli.decompress, "zstd": zstd.decompress, "gzip": gzip.decompress, "": bytes}
RIGHT = {"get": (200,), "coded": (200,), "conditional": (200, 304), "head": (200,), "range": (206, 416)}


@dataclass
class Judge:
    edits: Edits = field(default_factory=Edits)
    totals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    # By page, the last that was seen.
    tags: dict[int, str] = field(default_factory=dict)

    def hear(self, asked: Asked, answer: Answer, began: float) -> None:
        self.totals["answers"] += 1
        self.totals[str(answer.status)] += 1
        self.totals["hits"] += "; hit" in answer.fields.get("cache-status", "")
        self.totals["stale"] += answer.is_stale
        if fault := self.fault(asked, answer, began):
            self.blame(f"{fault}: {asked.kind} {asked.number}, {answer.status} {answer.fields}")

    def blame(self, what: str) -> None:
        self.wrong.append(what)

    def fault(self, asked: Asked, answer: Answer, began: float) -> str:
        """Empty for none."""
        if asked.kind == "echo":
            return "" if (answer.status, answer.body) == (200, asked.body) else "not what was sent"
        if answer.status not in RIGHT[asked.kind]:
            return "a wrong status"
        if answer.status == 416:
            return ""
        version = told_by(asked, answer)
        if version is None:
            return "not of this page"
        self.tags[asked.number] = answer.fields["etag"]
        if not self.edits.allows(asked.number, version, began, stale=answer.is_stale):
            oldest = self.edits.oldest(asked.number, began, stale=answer.is_stale)
            return f"version {version}, not of {oldest} to {self.edits.begun[asked.number]}"
        return ""


def told_by(asked: Asked, answer: Answer) -> int | None:
    """The version, if tag and bytes are of that page and agree."""
    tag = TAG.fullmatch(answer.fields["etag"])
    if tag is None or int(tag[1]) != asked.number:
        return None
    version = int(tag[2])
    match answer.status, asked.kind:
        case 304, _:
            agrees = asked.tag.split("-")[:2] == answer.fields["etag"].split("-")[:2]
        case _, "head":
            agrees = answer.fields["content-length"] == str(size_of(asked.number))
        case 206, _:
            agrees = version == version_in_part(asked.number, answer)
        case _:
            body = DECODED[answer.fields.get("content-encoding", "")](answer.body)
            agrees = len(body) == size_of(asked.number) and version == version_in(body, asked.number)
    return version if agrees else None


def version_in_part(number: int, answer: Answer) -> int | None:
    part = RANGE.fullmatch(answer.fields["content-range"])
    if part is None:
        return None
    begin, last, size = map(int, part.groups())
    if size != size_of(number) or len(answer.body) != last - begin + 1:
        return None
    return version_in(answer.body, number, begin)
