"""What a path is: an export of this service, a WordPress export, or a folder of Markdown that can be imported.

Jekyll, Hugo, Zola and Eleventy are supported, each by the rules in its own module. These rules count in every folder:
often only the posts of a site are imported, without the configuration that names its generator. Sites of other
generators are refused, because they would be published with marks in their texts, and drafts among them.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from pathlib import Path

from content.exporters.manifest import MANIFEST
from content.importers import eleventy, hugo, jekyll, zola
from content.importers.files import MARKDOWN_SUFFIXES, read_bounded, walk
from content.importers.report import BadFile

SUPPORTED_CONFIGS = (*jekyll.CONFIGS, *hugo.CONFIGS, *zola.CONFIGS, *eleventy.CONFIGS)
LARGEST_PACKAGE = 1_000_000
MOST_FILES_LOOKED_AT = 20
BYTES_LOOKED_AT = 1000
# Two lines of Pelican's metadata, which has no fence.
PELICAN_METADATA = re.compile(
    rb"\A(?:\xef\xbb\xbf)?title:[^\n]*\n(?:date|modified|category|tags|slug|authors?|summary|status|lang):",
    re.IGNORECASE,
)


class Format(Enum):
    EVERGREEN = auto()
    MARKDOWN = auto()
    WORDPRESS = auto()


@dataclass(frozen=True)
class Unsupported:
    """A generator whose sites are refused. `files` are names or patterns, one of which its sites have at their root.

    `package` is its name in package.json. `instead` says what to do.
    """

    name: str
    files: tuple[str, ...]
    instead: str
    package: str = ""


UNSUPPORTED = (
    Unsupported(
        "Hexo",
        ("_config.yml and scaffolds",),
        "Import the folder of its posts alone, such as source/_posts, and check its drafts",
        package="hexo",
    ),
    Unsupported(
        "Astro",
        ("astro.config.*",),
        "Save MDX files as Markdown, and import the folder of its posts alone, such as src/content/blog",
        package="astro",
    ),
    Unsupported(
        "Docusaurus",
        ("docusaurus.config.*",),
        "Save MDX files as Markdown, and import the folder of its posts alone, such as blog",
        package="@docusaurus/core",
    ),
    Unsupported(
        "Gatsby",
        ("gatsby-config.*",),
        "Save MDX files as Markdown, and import the folder of its posts alone, such as content/blog",
        package="gatsby",
    ),
    Unsupported(
        "Pelican",
        ("pelicanconf.py", "publishconf.py"),
        "Put the metadata of each file between two lines of ---, and import the folder of its posts, such as content",
    ),
    Unsupported(
        "Obsidian",
        (".obsidian",),
        "Convert the vault to plain Markdown, for example with obsidian-export, and import the result",
    ),
)


def detect_format(path: Path) -> Format:
    """Raises BadFile for a path that cannot be imported."""
    if not path.is_dir():
        if path.suffix.lower() != ".xml":
            raise BadFile("It is no folder: import a folder of Markdown files, or a WordPress export (.xml).")
        return Format.WORDPRESS
    if (path / MANIFEST).is_file():
        return Format.EVERGREEN
    generator = find_unsupported(path)
    if generator is not None:
        raise BadFile(
            f"It is a site of {generator.name}, which is not supported. Nothing was imported. {generator.instead}."
        )
    return Format.MARKDOWN


def find_unsupported(root: Path) -> Unsupported | None:
    """The generator of a site that is not supported. A supported site may be an Obsidian vault too."""
    packages = read_packages(root / "package.json")
    is_supported = any((root / name).is_file() for name in SUPPORTED_CONFIGS)
    for generator in UNSUPPORTED:
        has_files = any(all(any(root.glob(name)) for name in names.split(" and ")) for names in generator.files)
        if (has_files or generator.package in packages) and not (generator.name == "Obsidian" and is_supported):
            return generator
        if generator.name == "Pelican" and has_pelican_metadata(root):
            return generator
    return None


def read_packages(path: Path) -> set[str]:
    """The names of the packages on which a site depends, by its package.json."""
    try:
        content = json.loads(read_bounded(path, LARGEST_PACKAGE))
    except (BadFile, ValueError, RecursionError):
        return set()
    kinds = [content.get(kind) for kind in ("dependencies", "devDependencies")] if isinstance(content, dict) else []
    return {name for kind in kinds if isinstance(kind, dict) for name in kind}


def has_pelican_metadata(root: Path) -> bool:
    """Whether half of the first Markdown files begin with metadata of Pelican."""
    paths = (path for path in walk(root) if path.suffix.lower() in MARKDOWN_SUFFIXES)
    found = [begins_with_pelican_metadata(path) for path in islice(paths, MOST_FILES_LOOKED_AT)]
    return bool(found) and sum(found) * 2 >= len(found)


def begins_with_pelican_metadata(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return PELICAN_METADATA.match(file.read(BYTES_LOOKED_AT)) is not None
    except OSError:
        return False
