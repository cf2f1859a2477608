"""The ASGI application: what `manage.py serve` runs, and `uvicorn project.asgi:application` as well."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

django_application = get_asgi_application()

# These are imported after Django is set up: they read its settings and models.
from content.caching.edge.asgi import Application  # noqa: E402
from content.ops.live.application import with_websockets  # noqa: E402
from project.counts import with_counts  # noqa: E402
from project.edge import with_edge  # noqa: E402
from project.files import with_files  # noqa: E402
from project.health import with_health  # noqa: E402
from project.lifespan import with_lifespan  # noqa: E402
from project.traces import start_traces  # noqa: E402

start_traces("web")
site = with_files(with_edge(cast(Application, django_application)))
application = with_counts(with_lifespan(with_websockets(with_health(site))))
