"""The menu as rows of a form: a label and an address each."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

EMPTY_ROWS = 2
LONGEST_MENU = 50


class MenuWidget(forms.Widget):
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
    """A list of {"label": text, "url": address}; rows left empty are left out. Says which row is wrong, and why."""

    widget = MenuWidget

    def validate(self, value: list[dict[str, str]]) -> None:
        if len(value) > LONGEST_MENU:
            raise ValidationError(f"A menu has {LONGEST_MENU} entries at most.")
        wrong = [f"Entry {number}: {why}" for number, row in enumerate(value, 1) for why in faults(row)]
        if wrong:
            raise ValidationError(wrong)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != data)


def faults(row: dict[str, str]) -> list[str]:
    label, url = row["label"], row["url"]
    if not label:
        return [f"{url} has no label: write what readers shall click on."]
    if not url:
        return [f"“{label}” has no address: write a path such as /about/, or https://…"]
    if url.startswith("//") or not url.startswith(("/", "https://", "http://")):
        return [f"“{url}” is no address: it begins with a slash, or with https://."]
    return []
