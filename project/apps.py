import logging
import os

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.db.backends.signals import connection_created

from project.private_files import make_database_private


class ProjectConfig(AppConfig):
    """The wiring: its commands start and serve the whole service."""

    name = "project"
    verbose_name = "Evergreen"

    def ready(self) -> None:
        """Warn of settings that nothing reads. Processes that a process of ours has started do not repeat it."""
        # Imported late: middleware imports models.
        from project.deploy_checks import make_middleware_known

        connection_created.connect(make_database_private)
        make_middleware_known()
        if "EVERGREEN_UP" not in os.environ:
            for warning in getattr(settings, "UNKNOWN_SETTINGS", ()):
                logging.getLogger("project.settings").warning(warning)


class EvergreenAdminConfig(AdminConfig):
    """Django's admin, with this site's name and its first page."""

    default_site = "project.admin_site.EvergreenAdminSite"


class StaticFiles(StaticFilesConfig):
    """All but what comes with django-ninja and no page of ours has: to code it takes longer than all the rest."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "redoc.standalone.js*", "swagger-ui-bundle.js.map"]
