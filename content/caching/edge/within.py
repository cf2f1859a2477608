from typing import Any


def within(application: Any, kind: type) -> Any:
    """The first of that kind, from the outside: what wraps an application has it as `app` or `application`."""
    while application is not None and not isinstance(application, kind):
        application = getattr(application, "app", None) or getattr(application, "application", None)
    return application
