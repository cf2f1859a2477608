from django.db.models import Prefetch
from msgspec import field

from content.exporters.records.record import Record
from content.exporters.records.times import Moment
from content.models import Authorship, Post, PostQuerySet


class PostRecord(Record, frozen=True, kw_only=True):
    """A post or page, whole; its authors in order, its tags in that of their slugs, its cover by name.

    `source_path` and `source_hash` are the importer's: with them a folder that was imported once is known again. By
    `imported_digest` it knows what was edited since.
    """

    slug: str
    title: str
    kind: str = "post"
    status: str = "draft"
    published_at: Moment | None = field(default=None, name="date")
    updated_at: Moment = field(name="updated")
    created_at: Moment = field(name="created")
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


OWN_COLUMNS = tuple(
    name for name in PostRecord.__struct_fields__ if name not in ("authors", "category", "tags", "cover")
)


def whole(posts: PostQuerySet) -> PostQuerySet:
    """With all that `post_record` looks at, for any number of posts."""
    authorships = Prefetch("authorships", Authorship.objects.select_related("author"))
    return posts.select_related("category", "cover").prefetch_related(authorships, "tags").defer("html")


def post_record(post: Post) -> PostRecord:
    return PostRecord(
        **{name: getattr(post, name) for name in OWN_COLUMNS},
        authors=tuple(authorship.author.slug for authorship in post.authorships.all()),
        category=post.category.slug if post.category else "",
        tags=tuple(sorted(tag.slug for tag in post.tags.all())),
        cover=post.cover.file.name or "" if post.cover else "",
    )
