from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """The wiring: its commands start and serve the whole service."""

    name = "project"
    verbose_name = "Evergreen"
