"""The format of an export: a record for each row of a table, made from the row and written as YAML.

The fields of a record and their defaults are the format of every export. A field that a file leaves out has its
default, so a changed default needs a new version of the format.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
import yaml
from django.db.models import Model, Prefetch
from msgspec import Meta, Struct, field

from content.models import Authorship, Comment, Post, PostQuerySet

# The file that makes a folder an export, and the version of the format that it names.
MANIFEST = "evergreen.yaml"
VERSION = 1

Time = Annotated[datetime, Meta(tz=True)]
# No line is folded.
WIDTH = 1 << 30


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One row of a table."""


SomeRecord = TypeVar("SomeRecord", bound=Record)


class SiteRecord(Record, frozen=True, kw_only=True):
    """The site's configuration, its menu included."""

    title: str = "Evergreen"
    tagline: str = ""
    menu: list[Any] = []
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True


class AuthorRecord(Record, frozen=True, kw_only=True):
    """An author. Posts refer to authors, categories and tags by their slugs."""

    slug: str
    name: str
    bio: str = ""


class CategoryRecord(Record, frozen=True, kw_only=True):
    slug: str
    name: str
    description: str = ""


class TagRecord(Record, frozen=True, kw_only=True):
    slug: str
    name: str


class RedirectRecord(Record, frozen=True, kw_only=True):
    old_path: str
    new_path: str


class MediaRecord(Record, frozen=True, kw_only=True):
    """A media file. `name` is its path in the storage, which bodies refer to.

    `file` is the path of its bytes in the export, `size` their number. Both have their defaults if the storage had
    lost the file.
    """

    name: str
    sha256: str
    alt_text: str = ""
    width: int | None = None
    height: int | None = None
    uploaded_at: Time
    file: str = ""
    size: int = 0


class PostRecord(Record, frozen=True, kw_only=True):
    """A post or page. Its authors are in order, its tags are ordered by slug, its cover is a media file's name.

    An import recognises a source folder by `source_path` and `source_hash`, and later edits by `imported_digest`.
    """

    slug: str
    title: str
    kind: str = "post"
    status: str = "draft"
    published_at: Time | None = field(default=None, name="date")
    updated_at: Time = field(name="updated")
    created_at: Time = field(name="created")
    language: str = "en"
    authors: tuple[str, ...] = ()
    category: str = ""
    tags: tuple[str, ...] = ()
    cover: str = ""
    cover_alt: str = ""
    excerpt: str = ""
    password: str = ""
    comments_open: bool = True
    source_path: str = ""
    source_hash: str = ""
    imported_digest: str = ""
    body: str = ""


class CommentRecord(Record, frozen=True, kw_only=True):
    """A comment, its author's mail address included.

    `post` is a slug. `id` and `parent` are numbers that connect replies to comments within one export.
    """

    id: int
    post: str
    parent: int | None = None
    author_name: str
    author_email: str = ""
    status: str = "pending"
    created_at: Time
    source_path: str = ""
    body: str


# The fields that are columns of the record's table.
POST_COLUMNS = tuple(
    name for name in PostRecord.__struct_fields__ if name not in ("authors", "category", "tags", "cover")
)
COMMENT_COLUMNS = tuple(name for name in CommentRecord.__struct_fields__ if name not in ("id", "post", "parent"))


def record_from_row(kind: type[SomeRecord], row: Model) -> SomeRecord:
    """Make a record whose fields are all columns of its table."""
    values: dict[str, Any] = {name: getattr(row, name) for name in kind.__struct_fields__}
    return kind(**values)


def with_related_rows(posts: PostQuerySet) -> PostQuerySet:
    """Fetch all rows that `post_record` reads, in a fixed number of queries."""
    authorships = Prefetch("authorships", Authorship.objects.select_related("author"))
    return posts.select_related("category", "cover").prefetch_related(authorships, "tags").defer("html")


def post_record(post: Post) -> PostRecord:
    return PostRecord(
        **{name: getattr(post, name) for name in POST_COLUMNS},
        authors=tuple(authorship.author.slug for authorship in post.authorships.all()),
        category=post.category.slug if post.category else "",
        tags=tuple(sorted(tag.slug for tag in post.tags.all())),
        cover=post.cover.file.name or "" if post.cover else "",
    )


def comment_record(comment: Comment) -> CommentRecord:
    return CommentRecord(
        id=comment.pk,
        post=comment.post.slug,
        parent=comment.parent_id,
        **{name: getattr(comment, name) for name in COMMENT_COLUMNS},
    )


try:
    from yaml import CSafeDumper as Base
except ImportError:  # PyYAML without libyaml
    from yaml import SafeDumper as Base  # type: ignore[assignment]


class Dumper(Base):
    """Writes text with invisible characters in double quotes, on one line, with line ends escaped.

    So a line of `---` is never inside front matter, and a line that begins with `- ` always begins a row.
    """

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(str, Dumper.represent_text)


def dump_yaml(values: Any) -> str:
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=WIDTH)


def record_values(record: Record) -> dict[str, Any]:
    """The fields as types of YAML, without those that have their defaults."""
    values: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(datetime,))
    return values
