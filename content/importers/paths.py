"""Paths of posts: the one that a post has, those that it had, and redirects between them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from content.importers.front_matter import UNREADABLE, Matter
from content.models import Post, PostQuerySet, Redirect
from content.rendering import slugify

DATE_PREFIX = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}-")
MARKDOWN_SUFFIX = re.compile(r"\.(md|markdown|mdown|mkd)$", re.IGNORECASE)
PERMALINK_PATTERN = re.compile(r"[{}*]|/:")
LONGEST_PATH = 450
MOST_PATHS = 50
LONGEST_STEM = 190


def resolve_post_path(reference: str) -> str:
    """`2024-05-31-news`, `posts/news.md` and `@/posts/news/index.md#top` are all /posts/news/; a path stays."""
    path, mark, fragment = reference.strip().partition("#")
    if not path or "://" in path or (path.startswith("/") and not MARKDOWN_SUFFIX.search(path)):
        return reference.strip()
    stem = MARKDOWN_SUFFIX.sub("", path.removeprefix("@")).rstrip("/").removesuffix("/index").removesuffix("/_index")
    name = DATE_PREFIX.sub("", stem.rsplit("/", 1)[-1])
    return f"/posts/{slugify(name)}/{mark}{fragment}" if name else reference.strip()


def collect_old_paths(matter: Matter, dated_path: str) -> tuple[str, ...]:
    """The aliases and the permalink of a post, and its dated path, if it has one."""
    listed: list[Any] = []
    for key in ("aliases", "alias", "redirect_from", "permalink", "path", "url"):
        value = matter.get(key)
        listed += value if isinstance(value, list) else [value]
    listed.append(dated_path)
    paths = [normalize_path(path) for path in listed[:MOST_PATHS] if isinstance(path, str)]
    return tuple(dict.fromkeys(path for path in paths if path))


def normalize_path(path: str) -> str:
    """Decoded, with a leading slash, and a closing one unless it is a file. Empty for an invalid path."""
    try:
        path = unquote(urlsplit(path.strip()).path)
    except ValueError:
        return ""
    parts = [part for part in UNREADABLE.sub("", path).split("/") if part not in ("", ".")]
    if parts and parts[-1] in ("index.html", "index.htm"):
        parts.pop()
    path = "/" + "/".join(parts)
    if not parts or ".." in parts or PERMALINK_PATTERN.search(path) or len(path) > LONGEST_PATH:
        return ""
    return path if "." in parts[-1] else f"{path}/"


class SlugAllocator:
    """Gives each post of a batch its slug, or one with a number if another post has it."""

    def __init__(self, wanted: Iterable[str], own: Mapping[str, Post]) -> None:
        self.own = {post.pk for post in own.values()}
        self.taken = set(self.others().filter(slug__in=set(wanted)).values_list("slug", flat=True))

    def others(self) -> PostQuerySet:
        return Post.objects.exclude(pk__in=self.own)

    def allocate(self, wanted: str, current: str) -> str:
        """The wanted slug, or one with the first free number. A post that has a number keeps it."""
        if wanted in self.taken and is_numbered(current, wanted) and current not in self.taken:
            self.taken.add(current)
            return current
        slug, number = wanted, 2
        while slug in self.taken or (number > 2 and self.others().filter(slug=slug).exists()):
            slug, number = f"{wanted[:LONGEST_STEM]}-{number}", number + 1
        self.taken.add(slug)
        return slug


def is_numbered(slug: str, stem: str) -> bool:
    before, _, number = slug.rpartition("-")
    return before == stem[:LONGEST_STEM] and number.isdecimal()


def make_redirects(url: str, old_paths: Iterable[str]) -> list[Redirect]:
    return [Redirect(old_path=path, new_path=url) for path in dict.fromkeys(old_paths) if path not in (url, "/")]


def write_redirects(wanted: list[Redirect], moved: set[str]) -> tuple[list[Redirect], list[str]]:
    """The rows that changed, and a warning for each path that already leads elsewhere and stays.

    `moved` are the addresses that these posts had before. Redirects to them are changed.
    """
    by_path: dict[str, Redirect] = {}
    warnings = []
    known = Redirect.objects.in_bulk([row.old_path for row in wanted], field_name="old_path")
    for row in wanted:
        other = by_path.get(row.old_path) or known.get(row.old_path)
        if other is None or (row.old_path not in by_path and other.new_path in moved):
            by_path[row.old_path] = row
        elif other.new_path != row.new_path:
            warnings.append(f"{row.old_path} leads to {other.new_path} already, and not to {row.new_path}.")
    changed = [row for path, row in by_path.items() if path not in known or known[path].new_path != row.new_path]
    Redirect.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["old_path"], update_fields=["new_path"]
    )
    return changed, warnings
