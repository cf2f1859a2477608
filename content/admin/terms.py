from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from content.admin.purges import PurgeActionMixin, purge_selected
from content.admin.versioned import VersionedAdmin
from content.admin.warm_runs import WarmActionMixin, warm_selected
from content.models import Author, Category, Tag


class TermAdmin(WarmActionMixin, PurgeActionMixin, VersionedAdmin):
    """The common admin of categories, tags and authors."""

    list_display = ["name", "slug", "post_count"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    actions = [warm_selected, purge_selected]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        terms: QuerySet[Any] = super().get_queryset(request)
        with_uses: QuerySet[Any] = terms.annotate(uses=Count("posts", distinct=True))
        return with_uses

    @admin.display(description="posts", ordering="uses")
    def post_count(self, term: Any) -> int:
        return int(term.uses)


@admin.register(Category)
class CategoryAdmin(TermAdmin):
    pass


@admin.register(Tag)
class TagAdmin(TermAdmin):
    pass


@admin.register(Author)
class AuthorAdmin(TermAdmin):
    pass
