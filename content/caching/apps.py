from django.apps import AppConfig


class CachingConfig(AppConfig):
    """The engine as a Django app: it watches for writes in transactions, and checks its settings."""

    name = "content.caching"
    label = "caching"

    def ready(self) -> None:
        from content.caching import checks, transactions
        from content.caching.fragments import checks as fragment_checks

        checks.register_checks()
        fragment_checks.register_checks()
        transactions.watch_connections()
