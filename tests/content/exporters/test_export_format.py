"""Every column is in the format, or listed here with the reason why not."""

import pytest
from django.apps import apps

from content.exporters.records import (
    AuthorRecord,
    CategoryRecord,
    CommentRecord,
    MediaRecord,
    PostRecord,
    RedirectRecord,
    SiteRecord,
    TagRecord,
)

RECORDS = {
    "Author": AuthorRecord,
    "Category": CategoryRecord,
    "Comment": CommentRecord,
    "MediaFile": MediaRecord,
    "Post": PostRecord,
    "Redirect": RedirectRecord,
    "SiteConfig": SiteRecord,
    "Tag": TagRecord,
}
LEFT_OUT = {
    ("Post", "html"): "rendered from the body",
    ("Post", "text"): "what is searched of it",
    ("Post", "beginning"): "made of the body",
    ("Post", "word_count"): "counted in the body",
    ("Comment", "html"): "rendered from the body",
    ("MediaFile", "file"): "called name, and its bytes file",
}
TABLES_LEFT_OUT = {
    "Authorship": "a post names its authors in order",
    "HeatSnapshot": "counts of reads",
    "ImportSource": "places of folders on one machine; posts name their sources themselves",
    "ListCount": "counted by triggers",
    "ListedPost": "written by triggers",
    "OpsRequest": "work of one service",
    "OpsToken": "secrets of one service",
    "PostViews": "counts of views",
    "Purge": "work of one service",
    "ScheduledJob": "work of one service",
    "ViewCursor": "counts of views",
    "WarmAddresses": "work of one service",
    "WarmFailure": "work of one service",
    "WarmRun": "work of one service",
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_column_is_in_the_format(name):
    columns = {field.name for field in apps.get_model("content", name)._meta.concrete_fields}
    columns |= {field.name for field in apps.get_model("content", name)._meta.many_to_many}
    missing = {column for column in columns - {"id"} if (name, column) not in LEFT_OUT}
    assert missing - set(RECORDS[name].__struct_fields__) == set()


def test_every_table_is_in_an_export():
    tables = {model.__name__ for model in apps.get_app_config("content").get_models()}
    assert tables - set(RECORDS) - set(TABLES_LEFT_OUT) == set()
