from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from content.admin.versioned import VersionedAdmin
from content.models import SiteConfig
from content.models.site_config import ONLY_ROW

EMPTY_ROWS = 2
LONGEST_MENU = 50


class MenuWidget(forms.Widget):
    """The menu as rows of a form: a label and an address each."""

    template_name = "admin/content/menu.html"

    class Media:
        js = ["content/admin/menu.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["rows"] = [*(value or []), *({"label": "", "url": ""} for _ in range(EMPTY_ROWS))]
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        labels, urls = data.getlist(f"{name}-label"), data.getlist(f"{name}-url")
        return [
            {"label": label.strip(), "url": url.strip()}
            for label, url in zip(labels, urls, strict=False)
            if label.strip() or url.strip()
        ]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class MenuField(forms.Field):
    """A list of {"label": text, "url": address}, without empty rows. Errors name the row and the reason."""

    widget = MenuWidget

    def validate(self, value: list[dict[str, str]]) -> None:
        if len(value) > LONGEST_MENU:
            raise ValidationError(f"The menu has too many entries. The limit is {LONGEST_MENU}.")
        errors = [f"Entry {number}: {why}" for number, row in enumerate(value, 1) for why in find_faults(row)]
        if errors:
            raise ValidationError(errors)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != data)


def find_faults(row: dict[str, str]) -> list[str]:
    label, url = row["label"], row["url"]
    if not label:
        return [f"{url} has no label. Write a text for the link."]
    if not url:
        return [f"“{label}” has no address. Write a path such as /about/, or https://…"]
    if url.startswith("//") or not url.startswith(("/", "https://", "http://")):
        return [f"“{url}” is no address. Begin it with a slash, or with https://."]
    return []


class SiteConfigForm(forms.ModelForm):
    menu = MenuField(
        required=False,
        help_text="The links at the top of every page, in this order. Empty: the archive and the popular posts.",
    )

    class Meta:
        model = SiteConfig
        fields = "__all__"  # noqa: DJ007 - the form shows all fields


@admin.register(SiteConfig)
class SiteConfigAdmin(VersionedAdmin):
    """There is one row; the link in the index opens it."""

    form = SiteConfigForm

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if SiteConfig.objects.exists():
            return redirect("admin:content_siteconfig_change", ONLY_ROW)
        return redirect("admin:content_siteconfig_add")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """If another editor added the row meanwhile, compare with it as with any other change."""
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
        """Redirect to the index, because there is no list."""
        return redirect("admin:index")

    def response_post_save_add(self, request: HttpRequest, obj: SiteConfig) -> HttpResponseRedirect:
        return redirect("admin:index")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """There is no second row to add."""
        return super().render_change_form(request, context | {"show_save_and_add_another": False}, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not SiteConfig.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: SiteConfig | None = None) -> bool:
        return False
