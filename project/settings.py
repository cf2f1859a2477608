"""Django's settings, from the environment as `project.environment` has checked it."""

import os
import re
from pathlib import Path
from typing import Any

import dj_database_url

from project.caches import cache_settings, is_redis, sibling_url
from project.channels import channel_layers, choose_url
from project.environment import check_cdn_requirements, read_environment, variables
from project.logs import logging_config
from project.mail.server import mail_settings
from project.own_redis import url_of_own_redis
from project.release import release_of
from project.secret_key import load_secret_key
from project.wrong_settings import unknown_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = read_environment(BASE_DIR / ".env")
# Warnings that the first process logs.
UNKNOWN_SETTINGS = unknown_settings(os.environ, variables())

# --- the process ------------------------------------------------------------------------------------

STATE_DIR = Path(env.EVERGREEN_STATE_DIR or BASE_DIR / ".state").resolve()
DEBUG = env.DEBUG
SECRET_KEY = env.SECRET_KEY or load_secret_key(STATE_DIR)
# Accepted, but no longer used to sign: while keys are replaced, nobody is logged out (docs/secrets.md).
SECRET_KEY_FALLBACKS = env.EVERGREEN_SECRET_KEY_FALLBACKS
ALLOWED_HOSTS = env.ALLOWED_HOSTS
CSRF_FAILURE_VIEW = "content.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.EVERGREEN_TRUSTED_ORIGINS
# Absolute URLs begin with it. If empty, they use the scheme and host of the request.
BASE_URL = env.EVERGREEN_BASE_URL

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "django.test.runner.DiscoverRunner"

INSTALLED_APPS = [
    "project.apps.ProjectConfig",
    "content.apps.ContentConfig",
    "content.caching.apps.CachingConfig",
    "content.caching.watch.apps.WatchConfig",
    "project.apps.EvergreenAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "project.apps.StaticFiles",
    # The app has a copy of Swagger UI, which the page of the API loads from this host.
    "ninja",
]

MIDDLEWARE = [
    "project.middleware.RequestId",
    "project.middleware.Security",
    "content.ops.server_timing.ServerTimingMiddleware",
    "content.views.middleware.ContentSecurityPolicyMiddleware",
    "content.views.middleware.OverloadMiddleware",
    "project.middleware.Session",
    "project.middleware.Common",
    "project.middleware.Csrf",
    "project.middleware.Authentication",
    "project.middleware.Messages",
    "project.middleware.Clickjacking",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- the database -----------------------------------------------------------------------------------

DATABASES = {
    "default": dj_database_url.parse(
        env.DATABASE_URL or f"sqlite:///{STATE_DIR / 'evergreen.sqlite3'}",
        conn_max_age=env.EVERGREEN_DATABASE_MAX_AGE,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Seconds. Without it, a host that does not answer blocks a request or a command for two minutes.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Readers beside one writer; a writer asks for the lock when it begins, and waits up to 20 s for it.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# The folder in which `manage.py doctor` looks for backups; empty if it shall not.
BACKUPS_DIR = env.EVERGREEN_BACKUPS_DIR

# --- caches -----------------------------------------------------------------------------------------

GIVEN_REDIS_URL = env.REDIS_URL or url_of_own_redis(STATE_DIR)
REDIS_URL = GIVEN_REDIS_URL or "redis://127.0.0.1:6379/0"
CACHE_URL = env.CACHE_URL or REDIS_URL
# Empty: a cache in Redis keeps its own log.
LOG_URL = env.EVERGREEN_LOG_URL or GIVEN_REDIS_URL
CACHE_TIMEOUT = env.EVERGREEN_REDIS_TIMEOUT
REDIS_OPTIONS = {
    # MessagePack instead of pickle: the shared store cannot run code.
    "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
    "COMPRESSOR": "content.caching.compressor.ZstdCompressor",
    "COMPRESS_FROM": env.EVERGREEN_COMPRESS_FROM,
    "SOCKET_CONNECT_TIMEOUT": CACHE_TIMEOUT,
    "SOCKET_TIMEOUT": CACHE_TIMEOUT,
    "CONNECTION_POOL_KWARGS": {"max_connections": env.EVERGREEN_REDIS_CONNECTIONS},
    "RETRIES": env.EVERGREEN_REDIS_RETRIES,
    "HEALTH_CHECK_INTERVAL": env.EVERGREEN_REDIS_HEALTH_CHECK,
}
CACHE_PREFIX = env.EVERGREEN_CACHE_PREFIX
CACHE_MEMORY = env.EVERGREEN_MEMORY * 1024 * 1024
SESSIONS_URL = env.EVERGREEN_SESSIONS_CACHE_URL or sibling_url(CACHE_URL, "sessions")
LOCAL_MEMORY = 8 * 1024 * 1024


def alias(url: str, variable: str, *, prefix: str, log_url: str = LOG_URL, memory: int) -> dict[str, Any]:
    common = {"KEY_PREFIX": prefix, "TIMEOUT": env.EVERGREEN_CACHE_TIMEOUT}
    return common | cache_settings(url, log_url, memory, REDIS_OPTIONS, variable)


CACHES = {
    "default": alias(CACHE_URL, "CACHE_URL", prefix=CACHE_PREFIX, memory=CACHE_MEMORY),
    # Separate, so that sessions can use another server. No log: nothing invalidates a session by tag.
    "sessions": alias(
        SESSIONS_URL,
        "EVERGREEN_SESSIONS_CACHE_URL",
        prefix=f"{CACHE_PREFIX}-sessions",
        log_url="",
        memory=LOCAL_MEMORY,
    ),
    # This cache is for values that stay in the process. It reads the log of the default cache, if there is one.
    "local": alias(
        "locmem://local",
        "CACHE_URL",
        prefix=CACHE_PREFIX,
        log_url=LOG_URL or (CACHE_URL if is_redis(CACHE_URL) else ""),
        memory=LOCAL_MEMORY,
    ),
} | {
    name: alias(url, "EVERGREEN_CACHES", prefix=f"{CACHE_PREFIX}-{name}", memory=CACHE_MEMORY)
    for name, url in env.EVERGREEN_CACHES.items()
}

# --- the edge ---------------------------------------------------------------------------------------

EDGE = not DEBUG if env.EVERGREEN_EDGE is None else env.EVERGREEN_EDGE
# Patterns of query parameters that no page depends on. The edge removes them before views see them.
EDGE_IGNORED_PARAMETERS = env.EVERGREEN_IGNORED_PARAMETERS
# Origins that readers use, as https://example.org: pages are warmed for each. Keys of pages have the host of BASE_URL
# without its port.
WARM_ORIGINS = env.EVERGREEN_WARM_ORIGINS or ([re.sub(r":\d+$", "", BASE_URL)] if BASE_URL else [])
# Bytes for warm entries (0: a share of Redis's maxmemory), loads at once and entries a second, at most.
WARM_MEMORY = env.EVERGREEN_WARM_MEMORY * 1024 * 1024
WARM_AT_ONCE = env.EVERGREEN_WARM_AT_ONCE
WARM_RATE = env.EVERGREEN_WARM_RATE
START_COVERAGE = env.EVERGREEN_START_COVERAGE
START_WITHIN = env.EVERGREEN_START_WITHIN
# The share of the 1,000 hottest entries that a new process waits for before /readyz says that it is ready (0: none),
# and the seconds after which it is ready in any case.
READY_COVERAGE = env.EVERGREEN_READY_COVERAGE / 100
READY_SECONDS = env.EVERGREEN_READY_SECONDS
# Whether /readyz says that a process is not ready while it does not reach Redis.
READY_REDIS = env.EVERGREEN_READY_REDIS
# The CDN in front, which each invalidation purges; empty without one.
CDN_URL = env.EVERGREEN_CDN
CDN_TOKEN = env.EVERGREEN_CDN_TOKEN
check_cdn_requirements(env, CACHES["default"])
# Send Cache-Tag for a CDN that other software purges. This site does not purge it.
CDN_TAGS = env.EVERGREEN_CDN_TAGS

# --- comments ---------------------------------------------------------------------------------------

# Bounds for one address (for IPv6 one /64), in any minute and in any hour.
COMMENTS_A_MINUTE = env.EVERGREEN_COMMENTS_A_MINUTE
COMMENTS_AN_HOUR = env.EVERGREEN_COMMENTS_AN_HOUR
# With more links, a comment is marked as spam for the moderators.
COMMENT_LINKS = env.EVERGREEN_COMMENT_LINKS
# A form that is sent sooner, in seconds, must be sent again.
COMMENT_SECONDS = env.EVERGREEN_COMMENT_SECONDS

# --- the API ----------------------------------------------------------------------------------------

# Requests from one address (for IPv6 one /64) in any minute that the edge did not serve. 0: no limit.
API_A_MINUTE = env.EVERGREEN_API_A_MINUTE
# Requests to the operators' API: with one token, and without a valid one from one address. 0: no limit.
OPS_A_MINUTE = env.EVERGREEN_OPS_A_MINUTE
OPS_FAILURES_A_MINUTE = env.EVERGREEN_OPS_FAILURES_A_MINUTE

# --- monitoring -------------------------------------------------------------------------------------

# Whether all clients may read /metrics. If not, only this host and staff may.
METRICS_OPEN = env.EVERGREEN_METRICS_OPEN
# The counts of processes, in a folder for each host.
METRICS_DIR = Path(env.EVERGREEN_METRICS_DIR or STATE_DIR / "metrics").resolve()
# Whether cached entries are compared with the database all the time, and the share of its time that this may take.
VERIFY = env.EVERGREEN_VERIFY
VERIFY_BUDGET = env.EVERGREEN_VERIFY_BUDGET
# The collector that traces are sent to, empty for none; the share of traces that are recorded; and whether requests
# may name their trace in traceparent, which a stranger can send as well.
TRACES_URL = env.EVERGREEN_TRACES
TRACES_RATIO = env.EVERGREEN_TRACES_RATIO
TRACES_PARENT = env.EVERGREEN_TRACES_PARENT
# Called by each process that serves or works, after it was forked.
START_TRACES = "project.traces.start_traces"

# The DSN to which errors are reported; empty: none.
SENTRY_DSN = env.EVERGREEN_SENTRY_DSN

# --- mail -------------------------------------------------------------------------------------------

# EMAIL_*: see project/mail/server.py.
globals().update(mail_settings(env.EVERGREEN_EMAIL_URL))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.EVERGREEN_EMAIL_FROM
COMMENT_DIGEST_MINUTES = env.EVERGREEN_COMMENT_DIGEST_MINUTES

# --- sessions ---------------------------------------------------------------------------------------

SESSION_ENGINE = env.EVERGREEN_SESSION_ENGINE
SESSION_CACHE_ALIAS = "sessions"

# --- files ------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.EVERGREEN_STATIC_ROOT or STATE_DIR / "static").resolve()
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.EVERGREEN_MEDIA_ROOT or STATE_DIR / "media").resolve()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.files.StaticStorage"},
}

# --- language and time ------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = env.EVERGREEN_TIME_ZONE
USE_I18N = True
USE_TZ = True

# --- security ---------------------------------------------------------------------------------------

# Passwords are hashed in one thread of low priority, so that logins do not slow readers.
PASSWORD_HASHERS = [
    "project.passwords.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
# Login attempts for one account, and from one address (for IPv6 one /64).
LOGINS_A_MINUTE = env.EVERGREEN_LOGINS_A_MINUTE
LOGINS_AN_HOUR = env.EVERGREEN_LOGINS_AN_HOUR
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.EVERGREEN_SECURE_COOKIES
SECURE_SSL_REDIRECT = env.EVERGREEN_HTTPS_ONLY
SECURE_HSTS_SECONDS = env.EVERGREEN_HSTS_SECONDS
# Subdomains and preload lists of browsers concern the whole domain, and this site may be only a part of it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# --- Celery -----------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.CELERY_BROKER_URL or REDIS_URL.replace("unix://", "redis+socket://", 1)

# --- live dashboards --------------------------------------------------------------------------------

# Empty: each process has a layer of its own.
CHANNELS_URL = env.EVERGREEN_CHANNELS_URL or choose_url(GIVEN_REDIS_URL, CACHE_URL)
CHANNEL_LAYERS = channel_layers(CHANNELS_URL, CACHE_PREFIX, CACHE_TIMEOUT)

# --- the release ------------------------------------------------------------------------------------

# Keys of pages and fragments carry it: two releases on one cache never read each other's pages.
CACHE_RELEASE = env.EVERGREEN_RELEASE or release_of(
    BASE_DIR,
    STATIC_ROOT / "staticfiles.json",
    # The settings that pages show or are made by.
    (DEBUG, BASE_URL, STATIC_URL, MEDIA_URL, LANGUAGE_CODE, TIME_ZONE, USE_I18N, USE_TZ),
)

# --- logging ----------------------------------------------------------------------------------------

ACCESS_LOG = env.EVERGREEN_ACCESS_LOG
LOG_FORMAT = env.LOG_FORMAT
LOGGING = logging_config(LOG_FORMAT, env.EVERGREEN_LOG_LEVEL)
