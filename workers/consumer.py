"""Celery's consumer, which gives signs of life while it waits for the broker."""

from typing import Any

from celery.worker import consumer

from content.liveness import beating


class Consumer(consumer.Consumer):
    """While Redis is down, the loop that retries is the worker's event loop: it must not look like a blocked one."""

    def ensure_connected(self, conn: Any) -> Any:
        """Celery calls the callback of `ensure_connection` each second of a delay."""
        ensure = conn.ensure_connection

        def ensure_and_beat(errback: Any, max_retries: Any, callback: Any) -> Any:
            return ensure(errback, max_retries, callback=beating(callback))

        conn.ensure_connection = ensure_and_beat
        try:
            return super().ensure_connected(conn)
        finally:
            del conn.ensure_connection
