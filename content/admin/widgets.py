from typing import Any

from django import forms
from django.urls import reverse

from content.models import MediaFile

PICKER = ["content/admin/picker.js"]


class BodyEditor(forms.Textarea):
    """A wide field for Markdown; beside it what readers will see, rendered by the server while it is typed."""

    template_name = "admin/content/post/body.html"

    class Media:
        js = [*PICKER, "content/admin/editor.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["render_url"] = reverse("admin:content_post_render")
        return context | picker_urls()


class CoverPicker(forms.Widget):
    """An image of the media, chosen in a dialog; the form carries its number."""

    template_name = "admin/content/post/cover.html"

    class Media:
        js = [*PICKER, "content/admin/cover.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["chosen"] = MediaFile.objects.filter(pk=value).first() if str(value or "").isdigit() else None
        return context | picker_urls()


def picker_urls() -> dict[str, str]:
    return {
        "picker_url": reverse("admin:content_mediafile_picker"),
        "upload_url": reverse("admin:content_mediafile_upload"),
    }
