"""The ASGI application: what `manage.py serve` runs, and `uvicorn project.asgi:application` as well."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_asgi_application()
