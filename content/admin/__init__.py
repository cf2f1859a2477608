"""The admin, a file for each kind of content."""

from content.admin.comments import CommentAdmin
from content.admin.media import MediaFileAdmin
from content.admin.ops_tokens import OpsRequestAdmin, OpsTokenAdmin
from content.admin.posts import PostAdmin
from content.admin.purges import PurgeAdmin
from content.admin.redirects import RedirectAdmin
from content.admin.scheduled_jobs import ScheduledJobAdmin
from content.admin.site_config import SiteConfigAdmin
from content.admin.terms import AuthorAdmin, CategoryAdmin, TagAdmin
from content.admin.warm_runs import WarmRunAdmin

__all__ = [
    "AuthorAdmin",
    "CategoryAdmin",
    "CommentAdmin",
    "MediaFileAdmin",
    "OpsRequestAdmin",
    "OpsTokenAdmin",
    "PostAdmin",
    "PurgeAdmin",
    "RedirectAdmin",
    "ScheduledJobAdmin",
    "SiteConfigAdmin",
    "TagAdmin",
    "WarmRunAdmin",
]
