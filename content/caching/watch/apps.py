from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

if TYPE_CHECKING:
    from .triggers import Tables


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


# By database, the columns of watched tables when the migrations that run now began.
_tables_before: dict[str, "Tables"] = {}


def _before_migrations(sender: AppConfig, using: str, plan: Any = (), **kwargs: Any) -> None:
    if plan and isinstance(sender, WatchConfig):
        from .triggers import columns_of_tables, prepare_for_plan

        _tables_before[using] = columns_of_tables(using)
        prepare_for_plan(plan, using)


def _after_migrations(sender: AppConfig, using: str, plan: Any = (), **kwargs: Any) -> None:
    if isinstance(sender, WatchConfig):
        from .presence import has_run
        from .triggers import mend_triggers

        mend_triggers(using, before=_tables_before.pop(using, None), has_run=has_run)
