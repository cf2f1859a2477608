"""Django's deployment checks (`manage.py check --deploy`) for this site's middleware.

Django looks for its own classes in MIDDLEWARE by name, and skips what depends on one that it does not find. Ours are
subclasses of them (project/middleware.py), so each look-up by name becomes one by class.
"""

from functools import partial

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks.security import base, csrf, sessions
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string

# Module of Django's check, the name of its look-up, and the class.
LOOKUPS = (
    (base, "_security_middleware", SecurityMiddleware),
    (base, "_xframe_middleware", XFrameOptionsMiddleware),
    (csrf, "_csrf_middleware", CsrfViewMiddleware),
    (sessions, "_session_middleware", SessionMiddleware),
)


def is_used(middleware: type) -> bool:
    """Whether MIDDLEWARE has that class or a subclass."""
    used = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(each, type) and issubclass(each, middleware) for each in used)


def make_middleware_known() -> None:
    for module, name, middleware in LOOKUPS:
        if hasattr(module, name):
            setattr(module, name, partial(is_used, middleware))
