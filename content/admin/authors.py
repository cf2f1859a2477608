from django.contrib import admin

from content.admin.terms import TermAdmin
from content.models import Author


@admin.register(Author)
class AuthorAdmin(TermAdmin):
    pass
