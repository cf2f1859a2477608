"""What the picker of images asks for: a search among media, and an upload. Answers are JSON, and nobody's to keep."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from content.admin.media_form import MediaFileForm
from content.models import MediaFile

A_PAGE = 24
LONGEST_QUERY = 100


@never_cache
@require_safe
def find_media(request: HttpRequest) -> JsonResponse:
    """Images by words in their name or description, newest first: {"items": [...], "next": page or null}."""
    if not request.user.has_perm("content.view_mediafile"):
        raise PermissionDenied
    words = request.GET.get("q", "")[:LONGEST_QUERY].split()
    images = MediaFile.objects.filter(width__isnull=False)
    for word in words:
        images = images.filter(Q(file__icontains=word) | Q(alt_text__icontains=word))
    page = Paginator(images, A_PAGE).get_page(request.GET.get("page"))
    return JsonResponse(
        {
            "items": [item(media) for media in page],
            "next": page.next_page_number() if page.has_next() else None,
        }
    )


@never_cache
@require_POST
def upload_media(request: HttpRequest) -> JsonResponse:
    """One image, with its description; 400 and {"errors": [...]} for what is none."""
    if not request.user.has_perm("content.add_mediafile"):
        raise PermissionDenied
    form = MediaFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": [why for field in form.errors.values() for why in field]}, status=400)
    if form.instance.width is None:
        return JsonResponse({"errors": ["This is no image that browsers know."]}, status=400)
    return JsonResponse(item(form.save()), status=201)


def item(media: MediaFile) -> dict[str, Any]:
    return {
        "id": media.pk,
        "url": media.file.url,
        "name": str(media).rpartition("/")[2],
        "alt": media.alt_text,
        "width": media.width,
        "height": media.height,
    }
