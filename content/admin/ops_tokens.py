"""Tokens of the operators' API: made, shown once, revoked; and what was done with them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from content.models import OpsRequest, OpsToken
from content.services.ops_tokens import LONGEST_DAYS, TokenError, check_name, create_token, revoke_token


class TokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(choices=OpsToken.Scope, widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=365,
        required=False,
        help_text="Days after which it expires. Empty: never.",
    )

    class Meta:
        model = OpsToken
        fields = ["name"]
        help_texts = {"name": "What uses it, such as deploy. Runs that it starts show this name."}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            check_name(name)
        except TokenError as error:
            raise forms.ValidationError(str(error)) from error
        return name


class ReadOnlyAdmin(admin.ModelAdmin):
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OpsToken)
class OpsTokenAdmin(ReadOnlyAdmin):
    form = TokenForm
    list_display = [
        "name",
        "state",
        "scope_names",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ]
    search_fields = ["name", "created_by"]
    actions = ["revoke"]

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("content.manage_opstoken")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_manage_permission(request)

    def get_fields(self, request: HttpRequest, obj: OpsToken | None = None) -> Any:
        return ["name", "scopes", "days"] if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: OpsToken, form: Any, change: bool) -> None:
        token, text = create_token(
            obj.name,
            form.cleaned_data["scopes"],
            created_by=request.user.get_username(),
            days=form.cleaned_data["days"],
        )
        obj.pk, obj.text = token.pk, text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: OpsToken, post_url_continue: Any = None) -> HttpResponse:
        """Show the token. A redirect would have to store it until the next page."""
        context = {**self.admin_site.each_context(request), "token": obj, "title": f"Token {obj.name}"}
        return TemplateResponse(request, "admin/content/opstoken/created.html", context)

    @admin.display(description="scopes")
    def scope_names(self, token: OpsToken) -> str:
        return ", ".join(token.scopes)

    @admin.action(permissions=["manage"], description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, tokens: QuerySet[OpsToken]) -> None:
        for token in tokens:
            self.message_user(request, revoke_token(token.pk), messages.SUCCESS)
            self.log_change(request, token, "Revoked.")


@admin.register(OpsRequest)
class OpsRequestAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "token", "method", "path", "status", "outcome", "network"]
    list_filter = ["is_read", "status", "token"]
    list_select_related = ["token"]
    search_fields = ["path", "order", "outcome"]
    date_hierarchy = "created_at"
    fields = ["created_at", "token", "network", "method", "path", "order", "status", "outcome"]
