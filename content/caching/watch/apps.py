from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class WatchConfig(AppConfig):
    """Triggers of watched models. Call `watch` in the `ready` of your own app, which comes after this one."""

    name = __package__
    label = "caching_watch"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .own_writes import follow_connections

        follow_connections()
        pre_migrate.connect(_before_migrations, dispatch_uid="content.caching.watch")
        # Called for the last app that is migrated, when all tables are there.
        post_migrate.connect(_after_migrations, dispatch_uid="content.caching.watch")


def _before_migrations(sender: AppConfig, using: str, plan: Any = (), **kwargs: Any) -> None:
    """While tables are altered, each write is a coarse change: no trigger names a column that may go."""
    if plan and isinstance(sender, WatchConfig):
        from .triggers import install_triggers, watches_of

        install_triggers(watches_of(using), using, exact=False)


def _after_migrations(sender: AppConfig, using: str, plan: Any = (), **kwargs: Any) -> None:
    if isinstance(sender, WatchConfig):
        from .triggers import install_triggers, mend_triggers, watches_of

        if plan:
            install_triggers(watches_of(using), using)
        else:
            mend_triggers(using)
