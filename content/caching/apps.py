from django.apps import AppConfig


class CachingConfig(AppConfig):
    """The engine as a Django app: it watches for writes in transactions, and checks its settings."""

    name = __package__
    label = "caching"

    def ready(self) -> None:
        from . import checks, queries, transactions

        checks.register_checks()
        transactions.watch_connections()
        queries.watch_connections()
