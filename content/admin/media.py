"""Media files: the list with its editable descriptions, the form, and the picker of images."""

from contextlib import nullcontext
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from content.admin.versioned import VersionedAdmin
from content.images import BadImage
from content.models import MediaFile
from content.models.media import clean_upload

LARGEST_UPLOAD = 50 * 1024 * 1024
IMAGES_A_PAGE = 24
LONGEST_QUERY = 100


class MediaRowForm(forms.ModelForm):
    """A row of the list, with an editable description. An unchanged row is not saved."""

    # The browser sends the shown value too, for the comparison in clean_alt_text.
    alt_text = forms.CharField(
        required=False,
        max_length=500,
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"aria-label": "What it shows", "class": "vTextField"}),
    )

    class Meta:
        model = MediaFile
        fields = ["alt_text"]

    def clean_alt_text(self) -> str:
        """If another editor saved a description meanwhile, show it to this one, who may then overwrite it."""
        mine: str = self.cleaned_data["alt_text"]
        theirs, shown = self.initial["alt_text"], self["alt_text"].html_initial_name
        if "alt_text" in self.changed_data and theirs not in (self.data.get(shown, ""), mine):
            data: Any = self.data
            self.data = data = data.copy()
            data[shown] = theirs
            raise forms.ValidationError(f"Another editor saved “{theirs}” meanwhile. Save again to replace it.")
        return mine


class MediaFileForm(forms.ModelForm):
    """Cleans images, measures new files, and refuses a file that is stored already."""

    class Meta:
        model = MediaFile
        fields = ["file", "alt_text"]
        help_texts = {"alt_text": "A description of the picture, for people who cannot see it."}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):
            return file
        if (file.size or 0) > LARGEST_UPLOAD:
            raise forms.ValidationError(f"The file is too large. The limit is {LARGEST_UPLOAD // 1024**2} MB.")
        try:
            return clean_upload(file)[1]
        except BadImage as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """Measure a new file. The hash of each stored file is unique."""
        cleaned = super().clean() or self.cleaned_data
        if "file" in self.changed_data and cleaned.get("file"):
            self.instance.file = cleaned["file"]
            self.instance.measure()
            self.check_unique()
        return cleaned

    def check_unique(self) -> None:
        same = MediaFile.objects.exclude(pk=self.instance.pk).filter(sha256=self.instance.sha256).first()
        if same is not None:
            self.add_error("file", f"This file is stored already, as {same}.")


@never_cache
@require_safe
def find_media(request: HttpRequest) -> JsonResponse:
    """Find images by words in their names or descriptions, newest first: {"items": [...], "next": page or null}."""
    if not request.user.has_perm("content.view_mediafile"):
        raise PermissionDenied
    words = request.GET.get("q", "")[:LONGEST_QUERY].split()
    images = MediaFile.objects.filter(width__isnull=False)
    for word in words:
        images = images.filter(Q(file__icontains=word) | Q(alt_text__icontains=word))
    page = Paginator(images, IMAGES_A_PAGE).get_page(request.GET.get("page"))
    return JsonResponse(
        {
            "items": [describe(media) for media in page],
            "next": page.next_page_number() if page.has_next() else None,
        }
    )


@never_cache
@require_POST
def upload_media(request: HttpRequest) -> JsonResponse:
    """Store one image with its description; 400 and {"errors": [...]} for invalid files."""
    if not request.user.has_perm("content.add_mediafile"):
        raise PermissionDenied
    form = MediaFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": [error for field in form.errors.values() for error in field]}, status=400)
    if form.instance.width is None:
        return JsonResponse({"errors": ["This file is no image that browsers can show."]}, status=400)
    return JsonResponse(describe(form.save()), status=201)


def describe(media: MediaFile) -> dict[str, Any]:
    return {
        "id": media.pk,
        "url": media.file.url,
        "name": str(media).rpartition("/")[2],
        "alt": media.alt_text,
        "width": media.width,
        "height": media.height,
    }


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
        """Compare and save rows under the locks of get_queryset."""
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
