from typing import Any

from django import forms
from django.contrib import admin

from content.admin.versioned import VersionedAdmin
from content.models import Redirect
from content.services.redirects import final_path


class RedirectForm(forms.ModelForm):
    """Refuses circles, and goes the whole way at once where a redirect leads to another one."""

    class Meta:
        model = Redirect
        fields = ["old_path", "new_path"]
        help_texts = {
            "old_path": "As it stands after the host: /2014/an-old-post/",
            "new_path": "A path of this site, or a whole address: https://example.com/elsewhere/",
        }

    def clean_old_path(self) -> str:
        path: str = self.cleaned_data["old_path"]
        if not path.startswith("/"):
            raise forms.ValidationError("An old path begins with a slash.")
        return path

    def clean_new_path(self) -> str:
        path: str = self.cleaned_data["new_path"]
        if path.startswith("//") or not path.startswith(("/", "https://", "http://")):
            raise forms.ValidationError("It begins with a slash, or with https://.")
        return final_path(path)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        old, new = cleaned.get("old_path"), cleaned.get("new_path")
        if old and old == new:
            raise forms.ValidationError(f"This would lead around in a circle: {new} ends where it begins.")
        return cleaned


@admin.register(Redirect)
class RedirectAdmin(VersionedAdmin):
    form = RedirectForm
    list_display = ["old_path", "new_path"]
    search_fields = ["old_path", "new_path"]

    def save_model(self, request: Any, obj: Redirect, form: Any, change: bool) -> None:
        """What led to its old path leads to where that has gone."""
        super().save_model(request, obj, form, change)
        for other in Redirect.objects.filter(new_path=obj.old_path):
            other.new_path = obj.new_path
            other.save(update_fields=["new_path"])
