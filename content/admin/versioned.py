"""Protection against lost updates: a save names the version that it is based on, and overwrites no newer one."""

import re
import time
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from content.admin.merge import FIELD, BasedOnField, Merge, Version, read_stored_values

DRAFT_ID = re.compile(r"[0-9a-z-]{1,40}")
# The cookie with the id of a saved draft: the script in the browser then deletes that draft.
SAVED_DRAFT = "saved_draft"


class VersionedAdmin(admin.ModelAdmin):
    """An admin that responds 409, with both texts, if a save would undo another editor's save."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        # Without a list of fields, Django only asks which fields to show.
        if kwargs.get("fields"):
            form.base_fields[FIELD] = BasedOnField()
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Compare and save under a lock of the row, so that of two saves at once the second sees the first."""
        # Before the values are read: what is saved from now on may not be in the form.
        extra_context = (extra_context or {}) | {"draft": draft_of(request), "read_at": f"{time.time():.6f}"}
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic(using=router.db_for_write(self.model)):
            pk = unquote(object_id) if object_id else None
            obj = self.lock_object(request, pk)
            if response := self.merge_view(request, object_id, obj, extra_context):
                return response
            return super().changeform_view(request, object_id, form_url, extra_context | {"is_unsaved": True})

    def lock_object(self, request: HttpRequest, pk: str | None) -> Any:
        """Lock the row until the transaction ends. Returns the object, or None if there is none."""
        if pk is None:
            return None
        with suppress(ValueError, ValidationError):
            rows = self.model._base_manager.using(router.db_for_write(self.model)).order_by()
            rows.select_for_update(no_key=True).filter(pk=pk).values_list("pk").first()
        return self.get_object(request, pk)

    def merge_view(
        self, request: HttpRequest, object_id: str | None, obj: Any, context: dict[str, Any]
    ) -> HttpResponse | None:
        """The form with the stored values and the sent changes. None if the save may go on, or is forbidden."""
        pk = unquote(object_id) if object_id else None
        base = Version.read(request.POST.get(FIELD, ""), self.model, pk)
        is_restored, is_deleted = "_restore" in request.POST, pk is not None and obj is None
        is_refused = obj is not None and not self.has_change_permission(request, obj)
        if obj is None:
            may_come_back = (is_restored or (is_deleted and base.digests)) and self.has_add_permission(request)
        else:
            may_come_back = not is_refused or (base.digests and self.has_view_permission(request, obj))
        if not may_come_back:
            return None
        # All fields of a deleted object count as changed.
        merge = self.merge(request, obj, Version() if is_deleted else base)
        is_conflict = is_deleted or is_refused or merge.overwrites
        if not (is_conflict or is_restored):
            return None
        get_request = copy(request)
        get_request.method = "GET"
        context |= {
            "merge": merge,
            "is_conflict": is_conflict,
            "is_deleted": is_deleted,
            "is_refused": is_refused,
            "is_unsaved": True,
            "last_change": self.last_change(pk, base),
        }
        form_url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add") if is_deleted else ""
        response: Any = super().changeform_view(get_request, object_id if obj else None, form_url, context)
        response.status_code = 409 if is_conflict else 200
        if not is_refused:
            merge.fill(*forms_of(response.context_data))
        conflict: HttpResponse = response
        return conflict

    def merge(self, request: HttpRequest, obj: Any, base: Version) -> Merge:
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        form = self.get_form(request, obj, fields=fields)(request.POST, request.FILES, instance=obj)
        django_admin: Any = self
        formsets, _ = django_admin._create_formsets(request, form.instance, change=obj is not None)
        return Merge.of(form, [each for each in formsets if each.management_form.is_valid()], base)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Put the version into the form. A form with errors keeps the version that it was sent with."""
        form, formsets = forms_of(context)
        pk = form.instance.pk if kwargs.get("change") or context.get("original") else None
        form.initial[FIELD] = Version.of(read_stored_values(form, formsets)).sign(self.model, pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def last_change(self, pk: str | None, base: Version) -> LogEntry | None:
        """The latest change in the admin since the form was shown."""
        shown_at = datetime.fromtimestamp(base.at, UTC)
        entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(self.model))
        return entries.filter(object_id=pk, action_time__gte=shown_at).select_related("user").first()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return add_draft_cookie(request, super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return add_draft_cookie(request, super().response_change(request, obj))


def forms_of(context: dict[str, Any]) -> tuple[forms.ModelForm, list[BaseInlineFormSet]]:
    return context["adminform"].form, [inline.formset for inline in context["inline_admin_formsets"]]


def draft_of(request: HttpRequest) -> str:
    """The id of the browser's draft of this form; empty for invalid ids."""
    match = DRAFT_ID.fullmatch(request.POST.get("_draft", ""))
    return match[0] if match else ""


def add_draft_cookie(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if draft := draft_of(request):
        path = reverse("admin:index")
        response.set_cookie(SAVED_DRAFT, draft, path=path, secure=request.is_secure(), samesite="Lax")
    return response
