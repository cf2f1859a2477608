"""The admin: one file a model, and what the editor needs beside them."""

from content.admin.authors import AuthorAdmin
from content.admin.categories import CategoryAdmin
from content.admin.comments import CommentAdmin
from content.admin.media import MediaFileAdmin
from content.admin.posts import PostAdmin
from content.admin.redirects import RedirectAdmin
from content.admin.site_config import SiteConfigAdmin
from content.admin.tags import TagAdmin

__all__ = [
    "AuthorAdmin",
    "CategoryAdmin",
    "CommentAdmin",
    "MediaFileAdmin",
    "PostAdmin",
    "RedirectAdmin",
    "SiteConfigAdmin",
    "TagAdmin",
]
