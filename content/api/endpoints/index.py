from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.shapes import Index
from content.api.shaping import ROOT


@api.endpoint("/", Index, about="Start")
async def index(request: HttpRequest) -> Index:
    """Where everything is."""
    site = await resources.site.get()
    return Index(
        title=site.title,
        tagline=site.tagline,
        language=site.language,
        posts=f"{ROOT}posts/",
        pages=f"{ROOT}pages/",
        authors=f"{ROOT}authors/",
        categories=f"{ROOT}categories/",
        tags=f"{ROOT}tags/",
        popular=f"{ROOT}popular/",
        trending=f"{ROOT}trending/",
        search=f"{ROOT}search/",
        openapi=f"{ROOT}openapi.json",
        docs=f"{ROOT}docs/",
    )
