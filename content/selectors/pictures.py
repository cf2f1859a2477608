from urllib.parse import unquote

from django.conf import settings

from content.models import MediaFile
from content.rendering import images

# Of the images beyond these nothing is known: they are far down, and each is a tag of its post's entry.
MOST_PICTURES = 60


async def pictures_in(html: str) -> dict[str, MediaFile]:
    """The media files that a body shows, by the address it gives: one query, none for a body without."""
    names = {
        source: unquote(source.removeprefix(settings.MEDIA_URL))
        for source in images(html)
        if source.startswith(settings.MEDIA_URL)
    }
    wanted = list(names.values())[:MOST_PICTURES]
    if not wanted:
        return {}
    files = {media.file.name: media async for media in MediaFile.objects.filter(file__in=wanted)}
    return {source: files[name] for source, name in names.items() if name in files}
