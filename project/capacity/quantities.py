"""Quantities that an installation uses, and the drivers that make it use them."""

from enum import StrEnum


class Quantity(StrEnum):
    """CPU is in seconds a second, so 1 is a whole core. The others are counts a second.

    Commands of Redis include those that scripts call. Bytes are those that Redis receives and sends.
    """

    WEB_CPU = "web_cpu"
    WORKER_CPU = "worker_cpu"
    CACHE_CPU = "cache_cpu"
    LOG_CPU = "log_cpu"
    POSTGRES_CPU = "postgres_cpu"
    VARNISH_CPU = "varnish_cpu"
    NGINX_CPU = "nginx_cpu"
    CACHE_COMMANDS = "cache_commands"
    CACHE_BYTES = "cache_bytes"
    LOG_COMMANDS = "log_commands"
    LOG_BYTES = "log_bytes"
    TRANSACTIONS = "transactions"

    @property
    def is_cpu(self) -> bool:
        return self.value.endswith("_cpu")


class Driver(StrEnum):
    """A driver has a rate a second and a unit cost. Processes and viewers count as they are."""

    SITE = "site"
    WEB_PROCESS = "web_process"
    WORKER = "worker"
    NGINX_READ = "nginx_read"
    VARNISH_READ = "varnish_read"
    VARNISH_FETCH = "varnish_fetch"
    PAGE_HIT = "page_hit"
    NOT_MODIFIED = "not_modified"
    REDIS_HIT = "redis_hit"
    MISS = "miss"
    EDIT = "edit"
    PAGE_MADE = "page_made"
    PLAN = "plan"
    SCAN = "scan"
    VIEWER = "viewer"
