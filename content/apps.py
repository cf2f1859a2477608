from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class ContentConfig(AppConfig):
    """The content service."""

    name = "content"

    def ready(self) -> None:
        from content import invalidation, resources  # noqa: F401  # declares the resources
        from content.caching.declarations import resources as declared
        from content.models import list_tables, search_index
        from content.services import groups, redirects

        invalidation.declare_watches(list(declared))
        post_migrate.connect(search_index.restore_triggers, sender=self)
        pre_migrate.connect(list_tables.drop_triggers, sender=self)
        post_migrate.connect(list_tables.restore_triggers, sender=self)
        redirects.connect_signals()
        post_migrate.connect(groups.create_groups, sender=self)
