from contextlib import nullcontext
from typing import Any

from django.contrib import admin
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html

from content.admin.media_form import MediaFileForm, MediaRowForm
from content.admin.media_picker import find_media, upload_media
from content.admin.versioned import VersionedAdmin
from content.models import MediaFile


@admin.register(MediaFile)
class MediaFileAdmin(VersionedAdmin):
    form = MediaFileForm
    list_display = ["file", "picture", "alt_text", "width", "height", "uploaded_at"]
    list_editable = ["alt_text"]
    list_per_page = 50
    search_fields = ["file", "alt_text"]
    readonly_fields = ["sha256", "width", "height"]

    class Media:
        css = {"all": ["content/admin/admin.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Rows are compared and saved under their locks, see get_queryset."""
        with transaction.atomic() if request.method == "POST" else nullcontext():
            return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MediaFile]:
        rows = super().get_queryset(request)
        return rows.select_for_update(no_key=True) if connection.in_atomic_block else rows

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[MediaRowForm]:
        return MediaRowForm

    @admin.display(description="picture")
    def picture(self, media: MediaFile) -> str:
        if media.width is None:
            return ""
        return format_html('<img class="media-thumbnail" src="{}" alt="" loading="lazy">', media.file.url)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("picker/", view(find_media), name="content_mediafile_picker"),
            path("picker/upload/", view(upload_media), name="content_mediafile_upload"),
            *super().get_urls(),
        ]
