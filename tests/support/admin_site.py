"""The admin as a person uses it: forms as they are shown, filled in and sent."""

from typing import Any

from django.forms import BaseForm
from django.test import Client


def form_values(response: Any) -> dict[str, Any]:
    """The values that an unchanged form sends."""
    context = response.context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    values: dict[str, Any] = {}
    for form in forms:
        values |= values_of(form)
    return values


def values_of(form: BaseForm) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for bound in form:
        widget, value = bound.field.widget, bound.value()
        if bound.name == "menu":
            values["menu-label"] = [row["label"] for row in value or []]
            values["menu-url"] = [row["url"] for row in value or []]
        elif isinstance(value, bool):
            values |= {bound.html_name: "on"} if value else {}
        elif hasattr(widget, "decompress"):
            values |= {
                f"{bound.html_name}{suffix}": shown or ""
                for suffix, shown in zip(widget.widgets_names, split(widget, bound, value), strict=True)
            }
        elif bound.name != "file" and value not in (None, []):
            values[bound.html_name] = [getattr(row, "pk", row) for row in value] if isinstance(value, list) else value
    return values


def split(widget: Any, bound: Any, value: Any) -> list[str]:
    return [part["value"] for part in widget.get_context(bound.html_name, value, {})["widget"]["subwidgets"]]


def save_form(client: Client, path: str, **changes: Any) -> Any:
    """Open it, change those values, press Save; errors are an AssertionError that says them."""
    response = try_form(client, path, **changes)
    assert response.status_code == 302, response.context["errors"]
    return response


def try_form(client: Client, path: str, **changes: Any) -> Any:
    """As save_form; what is wrong is in `errors_of`."""
    return client.post(path, form_values(client.get(path)) | changes)


def errors_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(str(error) for error in response.context["errors"])


def act(client: Client, model: str, action: str, pks: list[int], **more: Any) -> Any:
    """An action of a list, for those rows."""
    data = {"action": action, "_selected_action": pks} | more
    return client.post(f"/admin/content/{model}/", data, follow=True)
