"""Where readers may know a post from: each of these paths will lead to it."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from content.importers.fields import UNREADABLE, Matter

LONGEST_PATH = 450
MOST_PATHS = 50
PATTERN = re.compile(r"[{}*]|/:")


def old_paths(matter: Matter, file_date: datetime | None, name: str) -> tuple[str, ...]:
    """Aliases, its own permalink, and the path that Jekyll gives a dated file."""
    listed: list[Any] = []
    for key in ("aliases", "alias", "redirect_from", "permalink", "path", "url"):
        value = matter.get(key)
        listed += value if isinstance(value, list) else [value]
    if file_date is not None:
        listed.append(f"/{file_date:%Y/%m/%d}/{name}/")
    paths = [normal_path(path) for path in listed[:MOST_PATHS] if isinstance(path, str)]
    return tuple(dict.fromkeys(path for path in paths if path))


def normal_path(path: str) -> str:
    """As a request has it: decoded, with a slash before, and behind what is no file; empty for what is no path."""
    try:
        path = unquote(urlsplit(path.strip()).path)
    except ValueError:
        return ""
    parts = [part for part in UNREADABLE.sub("", path).split("/") if part not in ("", ".")]
    if parts and parts[-1] in ("index.html", "index.htm"):
        parts.pop()
    path = "/" + "/".join(parts)
    if not parts or ".." in parts or PATTERN.search(path) or len(path) > LONGEST_PATH:
        return ""
    return path if "." in parts[-1] else f"{path}/"
