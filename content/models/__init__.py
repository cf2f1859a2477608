"""The tables, one file each."""

from content.models.author import Author
from content.models.category import Category
from content.models.comment import Comment
from content.models.import_source import ImportSource
from content.models.listed import ListCount, ListedPost, ListedPostQuerySet
from content.models.media import MediaFile
from content.models.post import Authorship, Post, PostQuerySet
from content.models.redirect import Redirect
from content.models.site_config import SiteConfig
from content.models.tag import Tag
from content.models.views import PostViews, ViewCursor

__all__ = [
    "Author",
    "Authorship",
    "Category",
    "Comment",
    "ImportSource",
    "ListCount",
    "ListedPost",
    "ListedPostQuerySet",
    "MediaFile",
    "Post",
    "PostQuerySet",
    "PostViews",
    "Redirect",
    "SiteConfig",
    "Tag",
    "ViewCursor",
]
