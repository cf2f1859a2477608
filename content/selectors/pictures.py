from collections.abc import Mapping
from itertools import islice
from urllib.parse import unquote

from django.conf import settings

from content.models import MediaFile
from content.rendering import images

# Of the images of a body beyond these nothing is known: they are far down, and each is a tag of its post's entry.
MOST_PICTURES = 60


async def pictures_in(*bodies: str) -> dict[str, MediaFile]:
    """The media files that bodies show, by the address they give: one query, none for bodies without."""
    names = {source: name for html in bodies for source, name in islice(names_in(html).items(), MOST_PICTURES)}
    if not names:
        return {}
    files = {media.file.name: media async for media in MediaFile.objects.filter(file__in=set(names.values()))}
    return {source: files[name] for source, name in names.items() if name in files}


def names_in(html: str) -> dict[str, str]:
    """Of the files of ours that a body shows, by the address it gives."""
    media = settings.MEDIA_URL
    return {source: unquote(source.removeprefix(media)) for source in images(html) if source.startswith(media)}


def shown_in(html: str, pictures: Mapping[str, MediaFile]) -> dict[str, MediaFile]:
    """Of the pictures of many bodies those of one."""
    return {source: pictures[source] for source in names_in(html) if source in pictures}
