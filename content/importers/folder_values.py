"""Values that a post takes from files above it: sections, cascades, Jekyll's defaults, Eleventy's directory data."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from content.importers import front_matter
from content.importers.errors import BadFile
from content.importers.fields import Matter, is_true
from content.importers.source_file import SourceFile, decoded

LARGEST_FILE = 1_000_000
CONFIGS = (
    "hugo.toml",
    "hugo.yaml",
    "hugo.yml",
    "hugo.json",
    "config.toml",
    "config.yaml",
    "config.yml",
    "config.json",
)
PROGRAMS = (".11tydata.js", ".11tydata.cjs", ".11tydata.mjs", ".11tydata.ts")
DATA = (".json", ".11tydata.json")
# A program that has one of these words may withhold posts.
WORDS = re.compile(rb"permalink|eleventyExcludeFromCollections|draft|published")
# A date of a folder is none of its posts.
NOT_INHERITED = {"date"}

Values = tuple[str, Matter]


class FolderValues:
    """One run's answers, each file read once. `warnings` names what could not be read."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.warnings: list[str] = []
        self.of_folder = cache(self.read_folder)
        self.of_site = cache(self.read_site)

    def above(self, source: SourceFile) -> tuple[Values, ...]:
        """From the site down to the file's own data: what comes later counts more."""
        relative = source.path.relative_to(self.root)
        folders = [self.root, *(self.root / part for part in reversed(relative.parents[:-1]))]
        found = [*self.site_values(source, relative)]
        for folder in folders:
            for name, values in self.of_folder(folder):
                found += [(name, chosen) for chosen in targeted(values, relative)]
        found += self.data_files(source.path.parent, source.path.stem)
        return tuple(
            (name, kept)
            for name, values in found
            if (kept := {key: value for key, value in values.items() if key not in NOT_INHERITED})
        )

    def site_values(self, source: SourceFile, relative: Path) -> Iterator[Values]:
        path = relative.as_posix()
        for name, values in self.of_site():
            if "cascade" in values:
                yield from ((name, chosen) for chosen in targeted({"cascade": values["cascade"]}, relative))
            for default in listed(values.get("defaults")):
                if is_in_scope(default.get("scope"), path, source):
                    yield name, mapping(default.get("values"))
            excluded = [str(pattern) for pattern in listed_texts(values.get("exclude"))]
            if is_ignored(path, excluded):
                yield f"exclude of {name}", {"published": False}
            if is_ignored(path, listed_texts(values.get(".eleventyignore"))):
                yield name, {"published": False}

    def read_site(self) -> tuple[Values, ...]:
        found = [(name, self.parsed(self.root / name)) for name in ("_config.yml", "_config.yaml", *CONFIGS)]
        ignored = self.content(self.root / ".eleventyignore")
        if ignored:
            lines = ignored.decode(errors="replace").splitlines()[:1000]
            found.append((".eleventyignore", {".eleventyignore": lines}))
        return tuple((name, values) for name, values in found if values)

    def read_folder(self, folder: Path) -> tuple[Values, ...]:
        found = []
        for name in ("_index.md", "_index.markdown"):
            values = self.section(folder / name)
            if values:
                found.append((self.shown(folder / name), values))
        return (*found, *self.data_files(folder, folder.name))

    def section(self, path: Path) -> Matter:
        """A draft section's pages are drafts (Zola), and a cascade is for all below (Hugo)."""
        content = self.content(path)
        try:
            matter = front_matter.split(decoded(content))[0] if content else {}
        except BadFile as error:
            self.warnings.append(f"{self.shown(path)}: {error} What it withholds is not known.")
            return {}
        lowered = {str(name).casefold(): value for name, value in matter.items()}
        values = {"draft": True} if is_true(lowered.get("draft")) else {}
        return values | ({"cascade": lowered["cascade"]} if "cascade" in lowered else {})

    def data_files(self, folder: Path, stem: str) -> Iterator[Values]:
        for ending in DATA:
            path = folder / f"{stem}{ending}"
            if values := self.parsed(path):
                yield self.shown(path), values
        for ending in PROGRAMS:
            path = folder / f"{stem}{ending}"
            if WORDS.search(self.content(path)):
                said = f"{self.shown(path)} is a program and is not run: check the posts that it may withhold."
                if said not in self.warnings:
                    self.warnings.append(said)

    def parsed(self, path: Path) -> Matter:
        content = self.content(path)
        if not content:
            return {}
        try:
            text = decoded(content)
            if path.suffix == ".json":
                values = json.loads(text)
            else:
                values = front_matter.parse("TOML" if path.suffix == ".toml" else "YAML", text)
        except (BadFile, ValueError, RecursionError) as error:
            said = " ".join(str(error).split()).rstrip(".")
            self.warnings.append(f"{self.shown(path)} cannot be read ({said}): what it withholds is not known.")
            return {}
        return mapping(values)

    def content(self, path: Path) -> bytes:
        """Empty for what is not there, lies outside, or is too large."""
        try:
            real = path.resolve()
            if not real.is_relative_to(self.root) or not real.is_file() or real.stat().st_size > LARGEST_FILE:
                return b""
            return real.read_bytes()
        except (OSError, RuntimeError, ValueError):
            return b""

    def shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def mapping(value: Any) -> Matter:
    return {str(name): each for name, each in value.items()} if isinstance(value, dict) else {}


def listed(value: Any) -> list[Matter]:
    return [mapping(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def listed_texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def targeted(values: Matter, relative: Path) -> Iterator[Matter]:
    """The values themselves, and of a cascade what is meant for that file, or may be."""
    own = {name: value for name, value in values.items() if name != "cascade"}
    if own:
        yield own
    for each in listed(values.get("cascade")):
        target = mapping(each.get("_target") or each.get("target"))
        kind, path = str(target.get("kind", "page")), target.get("path")
        if "page" not in kind and "*" not in kind:
            continue
        if not isinstance(path, str) or "{" in path or is_below(path, relative):
            yield {name: value for name, value in each.items() if name not in ("_target", "target")}


def is_below(pattern: str, relative: Path) -> bool:
    """Hugo's paths begin at its content folder, which may be this folder or one above or below it."""
    path = relative.with_suffix("").as_posix()
    parts = path.split("/")
    wanted = pattern.strip("/").casefold()
    return any(fnmatchcase("/".join(parts[start:]).casefold(), wanted) for start in range(len(parts)))


def is_in_scope(scope: Any, path: str, source: SourceFile) -> bool:
    scope = mapping(scope)
    below = str(scope.get("path") or "").strip("/")
    kind = str(scope.get("type") or "")
    if kind and kind != ("posts" if source.is_jekyll else "pages"):
        return kind == "drafts" and source.is_in_drafts
    return not below or path == below or path.startswith(f"{below}/") or fnmatchcase(path, below)


def is_ignored(path: str, patterns: list[str]) -> bool:
    """By the patterns of .gitignore, as far as they are names, paths and stars; the last one that matches counts."""
    ignored = False
    parts = PurePosixPath(path).parts
    for line in patterns:
        pattern = line.strip()
        negated = pattern.startswith("!")
        wanted = pattern.lstrip("!").strip("/").removeprefix("./")
        if not wanted or pattern.startswith("#"):
            continue
        is_path = "/" in wanted or pattern.startswith("/")
        names = [path, *("/".join(parts[:end]) for end in range(1, len(parts)))] if is_path else parts
        if any(fnmatchcase(name, wanted) for name in names):
            ignored = not negated
    return ignored
