from django.apps import AppConfig


class ContentConfig(AppConfig):
    """The content service."""

    name = "content"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from content.invalidation.signals import connect
        from content.models import search_index
        from content.ops import queries

        connect()
        post_migrate.connect(search_index.keep_watching, sender=self)
        queries.watch_connections()
