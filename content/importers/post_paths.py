"""The path that a post has here, from a reference to its file or to the path it had elsewhere."""

import re

from content.rendering import slugify

DATE_BEFORE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}-")
MARKDOWN = re.compile(r"\.(md|markdown|mdown|mkd)$", re.IGNORECASE)


def path_of_reference(reference: str) -> str:
    """`2024-05-31-news`, `posts/news.md`, `@/posts/news/index.md#top` are all /posts/news/; a path stays."""
    path, mark, fragment = reference.strip().partition("#")
    if not path or "://" in path or (path.startswith("/") and not MARKDOWN.search(path)):
        return reference.strip()
    stem = MARKDOWN.sub("", path.removeprefix("@")).rstrip("/").removesuffix("/index").removesuffix("/_index")
    name = DATE_BEFORE.sub("", stem.rsplit("/", 1)[-1])
    return f"/posts/{slugify(name)}/{mark}{fragment}" if name else reference.strip()
