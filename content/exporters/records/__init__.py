"""What an export says of each row: the format, one file a kind."""

from content.exporters.records.comment import CommentRecord, comment_record
from content.exporters.records.media import MediaRecord
from content.exporters.records.post import PostRecord, post_record, whole
from content.exporters.records.record import Record, columns_of
from content.exporters.records.redirect import RedirectRecord
from content.exporters.records.site import SiteRecord
from content.exporters.records.terms import AuthorRecord, CategoryRecord, TagRecord

__all__ = [
    "AuthorRecord",
    "CategoryRecord",
    "CommentRecord",
    "MediaRecord",
    "PostRecord",
    "Record",
    "RedirectRecord",
    "SiteRecord",
    "TagRecord",
    "columns_of",
    "comment_record",
    "post_record",
    "whole",
]
