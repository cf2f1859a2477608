"""Static files and media, served before Django gets the request; and the storage of static files."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.handlers.asgi import ASGIHandler
from servestatic import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage

from content.caching.edge.asgi import Application, Message, Receive, Send

MEDIA_SECONDS = 24 * 60 * 60
NOT_COLLECTED = "Static files are not collected, so no page can be rendered. Run `manage.py collectstatic --noinput`."

logger = logging.getLogger(__name__)


def with_files(application: Application) -> Application:
    """Requests for missing files go to `application`, which has the 404 page of the site."""
    return FileServer(
        {settings.STATIC_URL: static_files(application), settings.MEDIA_URL: media_files(application)}, application
    )


class FileServer:
    """Selects an application by the prefix of the path: pages cost no look into the file system."""

    def __init__(self, by_prefix: dict[str, Application], application: Application) -> None:
        self.by_prefix = by_prefix
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.select(scope)(scope, receive, send)

    def select(self, scope: Message) -> Application:
        if scope["type"] == "http":
            for prefix, files in self.by_prefix.items():
                if scope["path"].startswith(prefix):
                    return files
        return self.application


def static_files(application: Application) -> Application:
    """Collected files, which browsers keep for ever. With DEBUG each file comes from its source folder."""
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
    """Uploads, looked up for each request: another process may just have stored one."""
    files = ServeStaticASGI(
        application,
        root=settings.MEDIA_ROOT,
        prefix=settings.MEDIA_URL,
        autorefresh=True,
        max_age=MEDIA_SECONDS,
        allow_all_origins=False,
        add_headers_function=add_sandbox_headers,
    )
    return cast(Application, files)


def add_sandbox_headers(headers: Headers, path: str, url: str) -> None:
    """An uploaded file runs no script on this origin."""
    headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    headers["X-Content-Type-Options"] = "nosniff"


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Stores files under names with a hash, and compresses each of them once.

    Files under their original names are not compressed: no page links to them.
    """

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        linked = paths & set(self.hashed_files.values())
        files: Iterator[tuple[str, str]] = super().compress_files(
            {path for path in linked if not self.is_compressed(path)}
        )
        return files

    def is_compressed(self, path: str) -> bool:
        return any(Path(f"{self.path(path)}{ending}").exists() for ending in (".br", ".gz"))
