import logging

HEALTH_PATHS = {"/healthz", "/readyz"}


class NoHealthChecks(logging.Filter):
    """Whoever asks every second whether all is well gets the answer, and leaves no line each time it is not."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        return getattr(request, "path", None) not in HEALTH_PATHS
