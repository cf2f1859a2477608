"""Values that a post inherits from files above it: sections, cascades, defaults and data files."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

from content.importers import eleventy, front_matter, hugo, jekyll, zola
from content.importers.files import SourceFile, decode_text, read_settings
from content.importers.front_matter import Matter, list_texts, to_mapping
from content.importers.report import BadFile

CONFIGS = dict.fromkeys((*jekyll.CONFIGS, *hugo.CONFIGS, *zola.CONFIGS))
SECTIONS = ("_index.md", "_index.markdown")
# The date of a folder is not the date of its posts.
NOT_INHERITED = {"date"}

Values = tuple[str, Matter]


class InheritedValues:
    """The values of one import; each file is read once. `warnings` names files that could not be read."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.warnings: list[str] = []
        self.of_folder = cache(self.read_folder)
        self.of_site = cache(self.read_configs)

    def for_file(self, source: SourceFile) -> tuple[Values, ...]:
        """The values with the names of their files, from the site down to the file's own data. Later ones win."""
        relative = source.path.relative_to(self.root)
        values = [*self.site_values(source, relative)]
        for folder in (self.root, *(self.root / part for part in reversed(relative.parents[:-1]))):
            for name, of_folder in self.of_folder(folder):
                values += [(name, chosen) for chosen in hugo.apply_cascade(of_folder, relative)]
        values += self.read_data_files(source.path.parent, source.path.stem)
        inherited = ((name, {k: v for k, v in each.items() if k not in NOT_INHERITED}) for name, each in values)
        return tuple((name, each) for name, each in inherited if each)

    def site_values(self, source: SourceFile, relative: Path) -> Iterator[Values]:
        path = relative.as_posix()
        configs, ignore_patterns = self.of_site()
        for name, config in configs:
            if "cascade" in config:
                yield from ((name, each) for each in hugo.apply_cascade({"cascade": config["cascade"]}, relative))
            yield from ((name, each) for each in jekyll.default_values(config, path, source.folders))
            if matches_ignore_patterns(path, list_texts(config.get("exclude"))):
                yield f"exclude of {name}", {"published": False}
        if matches_ignore_patterns(path, ignore_patterns):
            yield eleventy.IGNORE_FILE, {"published": False}

    def read_configs(self) -> tuple[list[Values], list[str]]:
        """The configurations of the site by their names, and the lines of Eleventy's ignore file."""
        configs = [(name, config) for name in CONFIGS if (config := self.read_mapping(self.root / name))]
        lines = self.read(self.root / eleventy.IGNORE_FILE).decode(errors="replace").splitlines()
        return configs, lines[: eleventy.MOST_IGNORE_LINES]

    def read_folder(self, folder: Path) -> tuple[Values, ...]:
        sections = [(self.name_of(path), self.read_section(path)) for path in (folder / name for name in SECTIONS)]
        return (*(section for section in sections if section[1]), *self.read_data_files(folder, folder.name))

    def read_section(self, path: Path) -> Matter:
        content = self.read(path)
        try:
            matter = front_matter.split(decode_text(content))[0] if content else {}
        except BadFile as error:
            self.warnings.append(f"{self.name_of(path)}: {error} What it withholds is not known.")
            return {}
        lowered = {str(name).casefold(): value for name, value in matter.items()}
        cascade = {"cascade": lowered["cascade"]} if "cascade" in lowered else {}
        return zola.section_values(lowered) | cascade

    def read_data_files(self, folder: Path, stem: str) -> Iterator[Values]:
        for suffix in eleventy.DATA_SUFFIXES:
            path = folder / f"{stem}{suffix}"
            if values := self.read_mapping(path):
                yield self.name_of(path), values
        for suffix in eleventy.PROGRAM_SUFFIXES:
            path = folder / f"{stem}{suffix}"
            if eleventy.WITHHOLDING_WORDS.search(self.read(path)):
                warning = f"{self.name_of(path)} is a program and is not run: check the posts that it may withhold."
                if warning not in self.warnings:
                    self.warnings.append(warning)

    def read_mapping(self, path: Path) -> Matter:
        content = self.read(path)
        if not content:
            return {}
        try:
            text = decode_text(content)
            if path.suffix == ".json":
                values = json.loads(text)
            else:
                values = front_matter.parse("TOML" if path.suffix == ".toml" else "YAML", text)
        except (BadFile, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            self.warnings.append(f"{self.name_of(path)} cannot be read ({reason}): what it withholds is not known.")
            return {}
        return to_mapping(values)

    def read(self, path: Path) -> bytes:
        return read_settings(self.root, path.relative_to(self.root))

    def name_of(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def matches_ignore_patterns(path: str, patterns: list[str]) -> bool:
    """Whether patterns like those of .gitignore match, limited to names, paths and stars.

    The last pattern that matches decides.
    """
    is_ignored = False
    parts = PurePosixPath(path).parts
    for line in patterns:
        pattern = line.strip()
        wanted = pattern.lstrip("!").strip("/").removeprefix("./")
        if not wanted or pattern.startswith("#"):
            continue
        is_path = "/" in wanted or pattern.startswith("/")
        names = [path, *("/".join(parts[:end]) for end in range(1, len(parts)))] if is_path else parts
        if any(fnmatchcase(name, wanted) for name in names):
            is_ignored = not pattern.startswith("!")
    return is_ignored
