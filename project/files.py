"""Static files and media, answered before Django sees the request."""

import logging
from pathlib import Path
from typing import cast
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.handlers.asgi import ASGIHandler
from servestatic import ServeStaticASGI

from project.asgi_types import Application, Message, Receive, Send

MEDIA_SECONDS = 24 * 60 * 60
NOT_COLLECTED = "Static files are not collected, and no page can be made: run `manage.py collectstatic --noinput`."

logger = logging.getLogger(__name__)


def with_files(application: Application) -> Application:
    """Files that are not there are left to `application`, which knows how a 404 looks here."""
    return FilesInFront(
        {settings.STATIC_URL: static_files(application), settings.MEDIA_URL: media_files(application)}, application
    )


class FilesInFront:
    """Chooses by the path's beginning, so that pages pay for no look into the file system."""

    def __init__(self, places: dict[str, Application], application: Application) -> None:
        self.places = places
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.chosen(scope)(scope, receive, send)

    def chosen(self, scope: Message) -> Application:
        if scope["type"] == "http":
            for prefix, files in self.places.items():
                if scope["path"].startswith(prefix):
                    return files
        return self.application


def static_files(application: Application) -> Application:
    """What collectstatic has gathered, kept for ever by browsers; with DEBUG each file from where it is written."""
    if settings.DEBUG:
        return cast(Application, ASGIStaticFilesHandler(cast(ASGIHandler, application)))
    files = ServeStaticASGI(application, allow_all_origins=False)
    if are_collected():
        files.add_files(settings.STATIC_ROOT, prefix=settings.STATIC_URL)
    else:
        logger.error(NOT_COLLECTED)
    return cast(Application, files)


def are_collected() -> bool:
    return settings.DEBUG or (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file()


def media_files(application: Application) -> Application:
    """Uploads, looked up at each request: what was stored a moment ago, by any process, is there."""
    files = ServeStaticASGI(
        application,
        root=settings.MEDIA_ROOT,
        prefix=settings.MEDIA_URL,
        autorefresh=True,
        max_age=MEDIA_SECONDS,
        allow_all_origins=False,
        add_headers_function=without_power,
    )
    return cast(Application, files)


def without_power(headers: Headers, path: str, url: str) -> None:
    """Whatever somebody has uploaded, it runs no script on this origin."""
    headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    headers["X-Content-Type-Options"] = "nosniff"
