"""The tables, one file each."""

from content.models.comment import Comment
from content.models.heat import HeatSnapshot
from content.models.listed import ListCount, ListedPost, ListedPostQuerySet
from content.models.media import MediaFile
from content.models.ops_token import OpsRequest, OpsToken
from content.models.post import Authorship, ImportSource, Post, PostQuerySet, PostViews, ViewCursor
from content.models.purge import Purge
from content.models.redirect import Redirect
from content.models.scheduled_job import ScheduledJob
from content.models.site_config import SiteConfig
from content.models.terms import Author, Category, Tag
from content.models.warm_run import WarmAddresses, WarmFailure, WarmRun

__all__ = [
    "Author",
    "Authorship",
    "Category",
    "Comment",
    "HeatSnapshot",
    "ImportSource",
    "ListCount",
    "ListedPost",
    "ListedPostQuerySet",
    "MediaFile",
    "OpsRequest",
    "OpsToken",
    "Post",
    "PostQuerySet",
    "PostViews",
    "Purge",
    "Redirect",
    "ScheduledJob",
    "SiteConfig",
    "Tag",
    "ViewCursor",
    "WarmAddresses",
    "WarmFailure",
    "WarmRun",
]
