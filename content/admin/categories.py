from django.contrib import admin

from content.admin.terms import TermAdmin
from content.models import Category


@admin.register(Category)
class CategoryAdmin(TermAdmin):
    pass
