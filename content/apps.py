from django.apps import AppConfig


class ContentConfig(AppConfig):
    """The content service."""

    name = "content"

    def ready(self) -> None:
        from content.invalidation.signals import connect
        from content.ops import queries

        connect()
        queries.watch_connections()
