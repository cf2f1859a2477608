from typing import Any

from django import forms
from django.contrib import admin

from content.admin.versioned import VersionedAdmin
from content.models import Redirect
from content.services.redirects import resolve_path


class RedirectForm(forms.ModelForm):
    """Refuses circles. A new path that is redirected itself is replaced by its target."""

    class Meta:
        model = Redirect
        fields = ["old_path", "new_path"]
        help_texts = {
            "old_path": "The path after the host: /2014/an-old-post/",
            "new_path": "A path of this site, or a full address: https://example.com/elsewhere/",
        }

    def clean_old_path(self) -> str:
        path: str = self.cleaned_data["old_path"]
        if not path.startswith("/"):
            raise forms.ValidationError("The old path must begin with a slash.")
        return path

    def clean_new_path(self) -> str:
        path: str = self.cleaned_data["new_path"]
        if path.startswith("//") or not path.startswith(("/", "https://", "http://")):
            raise forms.ValidationError("The new path must begin with a slash, or with https://.")
        return resolve_path(path)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        old, new = cleaned.get("old_path"), cleaned.get("new_path")
        if old and old == new:
            raise forms.ValidationError(f"This redirect would be a circle: {new} leads back to itself.")
        return cleaned


@admin.register(Redirect)
class RedirectAdmin(VersionedAdmin):
    form = RedirectForm
    list_display = ["old_path", "new_path"]
    search_fields = ["old_path", "new_path"]

    def save_model(self, request: Any, obj: Redirect, form: Any, change: bool) -> None:
        """Change redirects to the old path, so that they lead to the new one."""
        super().save_model(request, obj, form, change)
        for other in Redirect.objects.filter(new_path=obj.old_path):
            other.new_path = obj.new_path
            other.save(update_fields=["new_path"])
