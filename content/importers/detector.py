"""Detects the format of a path, and refuses sites of generators that are not supported.

Jekyll, Hugo, Zola and Eleventy are supported, each by the rules in its own module. Their rules count in every folder:
often only the posts of a site are imported, without the configuration that names its generator.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from pathlib import Path

from content.exporters.records import MANIFEST
from content.importers import eleventy, hugo, jekyll, zola
from content.importers.files import MARKDOWN_SUFFIXES, read_settings, walk
from content.importers.report import BadFile

SUPPORTED_CONFIGS = (*jekyll.CONFIGS, *hugo.CONFIGS, *zola.CONFIGS, *eleventy.CONFIGS)
# Pelican's metadata has no fence: these lines would be published as text, with drafts among the posts.
PELICAN_METADATA = re.compile(
    rb"\A(?:\xef\xbb\xbf)?title:[^\n]*\n(?:date|modified|category|tags|slug|authors?|summary|status|lang):", re.I
)
PELICAN_SAMPLE = 20
HEAD_SIZE = 1000
# Settings that Jekyll does not have in its file of the same name.
HEXO_SETTINGS = re.compile(rb"^(?:source_dir|new_post_name|skip_render):", re.MULTILINE)
MDX = "Save MDX files as Markdown, and import the folder of its posts alone, such as"


class Format(Enum):
    EVERGREEN = auto()
    MARKDOWN = auto()
    WORDPRESS = auto()


@dataclass(frozen=True)
class Unsupported:
    """A generator whose sites are refused. `instead` says what to do.

    Its sites have one of `files` (patterns) at their root, or depend on `package` in their package.json.
    """

    name: str
    files: tuple[str, ...]
    package: str
    instead: str


HEXO = Unsupported(
    "Hexo", ("scaffolds/post.md", "_config.landscape.yml"), "hexo",
    "Import the folder of its posts alone, such as source/_posts",
)  # fmt: skip
PELICAN = Unsupported(
    "Pelican", ("pelicanconf.py", "publishconf.py"), "",
    "Put the metadata of each file between two lines of ---, and import the folder of its posts, such as content",
)  # fmt: skip
OBSIDIAN = Unsupported(
    "Obsidian", (".obsidian",), "",
    "Convert the vault to plain Markdown, for example with obsidian-export, and import the result",
)  # fmt: skip
UNSUPPORTED = (
    HEXO,
    Unsupported("Astro", ("astro.config.*", "src/content.config.*"), "astro", f"{MDX} src/content/blog"),
    Unsupported("Docusaurus", ("docusaurus.config.*",), "@docusaurus/core", f"{MDX} blog"),
    Unsupported("Gatsby", ("gatsby-config.*", "gatsby-node.*"), "gatsby", f"{MDX} content/blog"),
    PELICAN,
    OBSIDIAN,
)


def detect_format(path: Path) -> Format:
    """Raises BadFile for a path that cannot be imported."""
    if not path.is_dir():
        if path.suffix.lower() != ".xml":
            raise BadFile("It is no folder: import a folder of Markdown files, or a WordPress export (.xml).")
        return Format.WORDPRESS
    if (path / MANIFEST).is_file():
        return Format.EVERGREEN
    packages = read_packages(path)
    for generator in UNSUPPORTED:
        if is_site_of(generator, path, packages):
            raise BadFile(
                f"It is a site of {generator.name}, which is not supported. Nothing was imported. "
                f"{generator.instead}."
            )
    return Format.MARKDOWN


def is_site_of(generator: Unsupported, root: Path, packages: set[str]) -> bool:
    is_marked = generator.package in packages or any(any(root.glob(pattern)) for pattern in generator.files)
    if generator is HEXO:
        return is_marked or HEXO_SETTINGS.search(read_settings(root, jekyll.CONFIGS[0])) is not None
    if generator is PELICAN:
        return is_marked or has_pelican_metadata(root)
    if generator is OBSIDIAN:  # a site of a supported generator may be a vault too
        return is_marked and not any((root / name).is_file() for name in SUPPORTED_CONFIGS)
    return is_marked


def has_pelican_metadata(root: Path) -> bool:
    """Whether at least half of the first Markdown files begin with metadata of Pelican."""
    paths = islice((path for path in walk(root) if path.suffix.lower() in MARKDOWN_SUFFIXES), PELICAN_SAMPLE)
    heads = (read_settings(root, path.relative_to(root))[:HEAD_SIZE] for path in paths)
    matches = [PELICAN_METADATA.match(head) is not None for head in heads]
    return bool(matches) and sum(matches) * 2 >= len(matches)


def read_packages(root: Path) -> set[str]:
    """The names of the packages on which a site depends, by its package.json."""
    try:
        content = json.loads(read_settings(root, "package.json") or b"{}")
    except (ValueError, RecursionError):
        return set()
    kinds = [content.get(kind) for kind in ("dependencies", "devDependencies")] if isinstance(content, dict) else []
    return {name for kind in kinds if isinstance(kind, dict) for name in kind}
