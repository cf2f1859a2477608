import os

import django
from celery import Celery
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
try:
    django.setup()
except ImproperlyConfigured as error:
    # Celery would print a traceback.
    raise SystemExit(str(error)) from error

from django.conf import settings

from workers import broker, queues
from workers.schedule import as_beat_schedule

broker.install()
SERVERS = broker.servers_of(settings.CELERY_BROKER_URL)
PREFIX = settings.CACHES["default"].get("KEY_PREFIX") or "evergreen"
app = Celery("evergreen", broker=SERVERS.url, include=["workers.tasks", "workers.signals", "workers.task_spans"])
app.conf.update(
    # JSON only: a queue that others can write to must not be able to run code.
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_soft_time_limit=240,
    task_time_limit=300,
    worker_prefetch_multiplier=1,
    task_queues=queues.list_queues(),
    task_routes=queues.routes(),
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_consumer="workers.consumer:Consumer",
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 600,
        "global_keyprefix": f"{PREFIX}:queue:",
        # Workers take tasks in the order of `task_queues`. Kombu's default takes from the queues in turn.
        "queue_order_strategy": "priority",
        "socket_connect_timeout": broker.CONNECT_TIMEOUT,
    }
    | SERVERS.options,
    **SERVERS.tls_settings(),
    # Only the tasks for operators have results, for an hour. On a broker of another kind there are none.
    result_backend=SERVERS.url if SERVERS.url.startswith(("redis://", "sentinel://")) else None,
    result_serializer="json",
    result_expires=3600,
    result_backend_transport_options={"global_keyprefix": f"{PREFIX}:result:", "retry_policy": {"timeout": 5.0}}
    | SERVERS.options,
    # Celery's own stores a pickle. Ours has the schedule in memory, with the intervals and pauses of the admin.
    beat_scheduler="workers.beat:JobScheduler",
    beat_schedule=as_beat_schedule(),
    beat_max_loop_interval=5,
    timezone=settings.TIME_ZONE,
)
