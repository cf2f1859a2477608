"""The follower of the site's own log and CDN."""

from django.conf import settings

from content.cdn.follower import Follower
from content.cdn.of_site import stream_and_place
from content.cdn.opening import opened


def follower_of_site() -> Follower | None:
    """None without a CDN that is told, or a log. In the event loop that is to run it."""
    found = stream_and_place()
    return Follower(opened(settings.CDN_URL, settings.CDN_TOKEN), *found) if found is not None else None
