from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from content.admin.menu import MenuField
from content.admin.versioned import VersionedAdmin
from content.models import SiteConfig
from content.models.site_config import ONLY_ROW


class SiteConfigForm(forms.ModelForm):
    menu = MenuField(
        required=False,
        help_text="What stands at the top of every page, in this order. Empty: the archive and what is read most.",
    )

    class Meta:
        model = SiteConfig
        fields = "__all__"  # noqa: DJ007 - all of it is for those who may configure the site


@admin.register(SiteConfig)
class SiteConfigAdmin(VersionedAdmin):
    """One row: the link in the index opens it."""

    form = SiteConfigForm

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if SiteConfig.objects.exists():
            return redirect("admin:content_siteconfig_change", ONLY_ROW)
        return redirect("admin:content_siteconfig_add")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """If the only row was added meanwhile, compare with it as with any other change."""
        if request.method != "POST" or object_id is not None:
            return super().changeform_view(request, object_id, *args, **kwargs)
        if not SiteConfig.objects.exists():
            with suppress(IntegrityError, PermissionDenied):
                # Either is raised if another editor adds the row after the line above.
                return super().changeform_view(request, None, *args, **kwargs)
        return super().changeform_view(request, str(ONLY_ROW), *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: SiteConfig, form: Any, change: bool) -> None:
        """Insert a new row, so that the second of two additions at once fails in the database."""
        obj.save(force_insert=not change)

    def response_post_save_change(self, request: HttpRequest, obj: SiteConfig) -> HttpResponseRedirect:
        """There is no list to go back to."""
        return redirect("admin:index")

    def response_post_save_add(self, request: HttpRequest, obj: SiteConfig) -> HttpResponseRedirect:
        return redirect("admin:index")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """There is no other one to add."""
        return super().render_change_form(request, context | {"show_save_and_add_another": False}, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not SiteConfig.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: SiteConfig | None = None) -> bool:
        return False
