from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from content.admin.versioned import VersionedAdmin


class TermAdmin(VersionedAdmin):
    """What categories, tags and authors share."""

    list_display = ["name", "slug", "posts_counted"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        terms: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = terms.annotate(uses=Count("posts", distinct=True))
        return counted

    @admin.display(description="posts", ordering="uses")
    def posts_counted(self, term: Any) -> int:
        return int(term.uses)
