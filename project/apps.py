import logging
import os

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.db.backends.signals import connection_created

from project.errors.reporting import start_reporting
from project.private_files import make_database_private


class ProjectConfig(AppConfig):
    """The commands that start and serve the whole service."""

    name = "project"
    verbose_name = "Evergreen"

    def ready(self) -> None:
        """Warns of unknown settings; processes under `manage.py up` do not repeat the warnings."""
        # Imported late: middleware imports models.
        from project.deploy_checks import patch_middleware_lookups

        connection_created.connect(make_database_private)
        patch_middleware_lookups()
        start_reporting(settings.SENTRY_DSN, settings.CACHE_RELEASE)
        if "EVERGREEN_UP" not in os.environ:
            for warning in getattr(settings, "UNKNOWN_SETTINGS", ()):
                logging.getLogger("project.settings").warning(warning)


class EvergreenAdminConfig(AdminConfig):
    """Django's admin, with this site's name and its first page."""

    default_site = "project.admin_site.EvergreenAdminSite"


class StaticFiles(StaticFilesConfig):
    """Skips files of django-ninja that no page uses: compressing them takes longer than all others together."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "redoc.standalone.js*", "swagger-ui-bundle.js.map"]
