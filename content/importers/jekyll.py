"""The rules of Jekyll: `_posts` and `_drafts`, dated file names, `_config.yml`, and comments of kramdown."""

import re
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase

from content.importers.front_matter import Matter, list_mappings, to_mapping
from content.importers.markdown import Region, Regions

CONFIGS = ("_config.yml", "_config.yaml")
POST_FOLDERS = {"_posts", "_drafts"}
OWN_FOLDERS = {"_site", "_includes", "_layouts", "_data", "_sass", "_plugins", "_dist"}
# Jekyll publishes no file whose name begins with one of these.
IGNORED_PREFIXES = ("_", "#", "~")
COMMENT = re.compile(r"\{::comment\}.*?\{:/(?:comment)?\}[ \t]*\n?", re.DOTALL)


def is_post_folder(folders: tuple[str, ...]) -> bool:
    return not POST_FOLDERS.isdisjoint(folders)


def withholding_reason(name: str, folders: tuple[str, ...], *, has_date: bool) -> str:
    """The reason for which Jekyll does not publish a file with this name in these folders, or an empty text."""
    if "_drafts" in folders:
        return "It lies in _drafts."
    if name.startswith(IGNORED_PREFIXES):
        return f"Its name begins with {name[0]}."
    if is_post_folder(folders) and not has_date:
        return "It lies in _posts without a date in its name, where Jekyll leaves it out."
    return ""


def make_dated_path(day: datetime, name: str) -> str:
    """The path that Jekyll gives a post with a date in its file name."""
    return f"/{day:%Y/%m/%d}/{name}/"


def default_values(config: Matter, path: str, folders: tuple[str, ...]) -> Iterator[Matter]:
    """The front matter defaults of `_config.yml` whose scope includes the file."""
    for default in list_mappings(config.get("defaults")):
        if is_in_scope(to_mapping(default.get("scope")), path, folders):
            yield to_mapping(default.get("values"))


def is_in_scope(scope: Matter, path: str, folders: tuple[str, ...]) -> bool:
    below = str(scope.get("path") or "").strip("/")
    kind = str(scope.get("type") or "")
    if kind and kind != ("posts" if is_post_folder(folders) else "pages"):
        return kind == "drafts" and "_drafts" in folders
    return not below or path == below or path.startswith(f"{below}/") or fnmatchcase(path, below)


def remove_comments(text: str) -> str:
    """The text without comments of kramdown. Those in code stay."""
    if "{::comment}" not in text:
        return text
    regions = Regions(text)
    return COMMENT.sub(lambda match: match[0] if regions.at(match.start()) is Region.CODE else "", text)
