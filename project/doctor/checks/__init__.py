"""The checks of `manage.py doctor`, by category, in the order in which they are shown."""

from collections.abc import Mapping, Sequence

from project.doctor.checks.backup import check_backups
from project.doctor.checks.cdn import check_cdn
from project.doctor.checks.clock import check_clocks
from project.doctor.checks.database import check_database
from project.doctor.checks.files import check_disks, check_media, check_static
from project.doctor.checks.log import check_log, check_releases
from project.doctor.checks.mail import check_mail
from project.doctor.checks.migrations import check_migrations
from project.doctor.checks.packages import check_packages, check_python
from project.doctor.checks.redis import check_redis
from project.doctor.checks.secrets import check_permissions, check_secret_key
from project.doctor.checks.settings import check_addresses, check_settings
from project.doctor.checks.tls import check_certificate
from project.doctor.checks.triggers import check_triggers
from project.doctor.checks.workers import check_beat, check_queues, check_workers
from project.doctor.finding import Check

CHECKS: Mapping[str, Sequence[Check]] = {
    "settings": (check_settings, check_addresses),
    "secrets": (check_secret_key, check_permissions),
    "python": (check_python, check_packages),
    "database": (check_database, check_migrations, check_triggers),
    "redis": (check_redis,),
    "log": (check_log,),
    "workers": (check_workers, check_queues),
    "beat": (check_beat,),
    "clock": (check_clocks,),
    "disk": (check_disks,),
    "files": (check_static, check_media),
    "backups": (check_backups,),
    "cdn": (check_cdn,),
    "mail": (check_mail,),
    "tls": (check_certificate,),
    "releases": (check_releases,),
}
