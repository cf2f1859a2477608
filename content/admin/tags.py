from django.contrib import admin

from content.admin.terms import TermAdmin
from content.models import Tag


@admin.register(Tag)
class TagAdmin(TermAdmin):
    pass
