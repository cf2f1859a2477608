"""Django's deployment checks (`manage.py check --deploy`) for this site's middleware.

Django looks for its own classes in MIDDLEWARE by name, and skips each check whose class it does not find. This site
uses subclasses of them (project/middleware.py), so this module replaces each look-up by name with one by class.
"""

from functools import partial

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks.security import base, csrf, sessions
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string

# The module of the check, the name of its look-up function, and the class.
LOOKUPS = (
    (base, "_security_middleware", SecurityMiddleware),
    (base, "_xframe_middleware", XFrameOptionsMiddleware),
    (csrf, "_csrf_middleware", CsrfViewMiddleware),
    (sessions, "_session_middleware", SessionMiddleware),
)


def is_installed(middleware: type) -> bool:
    """Whether MIDDLEWARE has this class or a subclass."""
    installed = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(each, type) and issubclass(each, middleware) for each in installed)


def patch_middleware_lookups() -> None:
    for module, name, middleware in LOOKUPS:
        if hasattr(module, name):
            setattr(module, name, partial(is_installed, middleware))
