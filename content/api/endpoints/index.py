from django.http import HttpRequest

from content import resources
from content.api.router import api
from content.api.schemas import Index
from content.api.serializers import ROOT


@api.endpoint("/", Index, tag="Start")
async def index(request: HttpRequest) -> Index:
    """The title of the site, and links to all lists."""
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
