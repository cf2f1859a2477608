from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    """The wiring: its commands start and serve the whole service."""

    name = "project"
    verbose_name = "Evergreen"


class EvergreenAdminConfig(AdminConfig):
    """Django's admin, with this site's name and its first page."""

    default_site = "project.admin_site.EvergreenAdminSite"
