from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from content.sharing import same_for_all

# Its name has a hash in it: it moves with a release.
CACHE_CONTROL = "public, max-age=3600"


@same_for_all()
@require_safe
async def favicon(request: HttpRequest) -> HttpResponse:
    """For whoever asks without having read a page."""
    return HttpResponseRedirect(static("content/favicon.svg"), headers={"Cache-Control": CACHE_CONTROL})
