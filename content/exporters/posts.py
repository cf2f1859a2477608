"""Posts and pages: a Markdown file each, front matter and then the body as it is stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from content.exporters.file_names import file_name
from content.exporters.manifest import VERSION
from content.exporters.records import PostRecord, post_record, whole
from content.exporters.yaml import dumped, plain
from content.models import Post

FOLDERS = {Post.Kind.POST: "posts", Post.Kind.PAGE: "pages"}
POSTS_A_FETCH = 200


def write_posts(place: Path) -> Iterator[str]:
    """The folder of each, when it is written. None is kept in memory for longer than its batch."""
    for folder in FOLDERS.values():
        (place / folder).mkdir()
    for post in whole(Post.objects.order_by("pk")).iterator(POSTS_A_FETCH):
        folder = FOLDERS[Post.Kind(post.kind)]
        content = post_file(post.pk, post_record(post))
        (place / folder / f"{file_name(post.slug)}.md").write_bytes(content)
        forget_linked_rows(post)
        yield folder


def forget_linked_rows(post: Post) -> None:
    """They refer to the post and it to them: bodies would stay until the garbage collector comes for old objects."""
    vars(post).pop("_prefetched_objects_cache", None)


def post_file(number: int, record: PostRecord) -> bytes:
    """`id` is the row's number: posts of the same time are listed in the order in which they were made.

    Nothing stands between the last --- and the body, and nothing behind it: every byte is the body's.
    """
    values: dict[str, Any] = {"evergreen": VERSION, "id": number} | plain(record)
    body: str = values.pop("body", "")
    return f"---\n{dumped(values)}---\n{body}".encode()
