from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class ProjectConfig(AppConfig):
    """The wiring: its commands start and serve the whole service."""

    name = "project"
    verbose_name = "Evergreen"


class EvergreenAdminConfig(AdminConfig):
    """Django's admin, with this site's name and its first page."""

    default_site = "project.admin_site.EvergreenAdminSite"


class StaticFiles(StaticFilesConfig):
    """All but what comes with django-ninja and no page of ours has: to code it takes longer than all the rest."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "redoc.standalone.js*", "swagger-ui-bundle.js.map"]
