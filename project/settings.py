"""Django's settings, each typed and read from the environment (or from .env); .env.example lists them all."""

from pathlib import Path
from typing import Any

import dj_database_url
from environs import Env, validate

from project.base_url import check_base_url, check_origins
from project.caches import beside, cache_of, is_redis, named_urls
from project.cdn import check_cdn, check_cdn_fits
from project.own_redis import url_of_own_redis
from project.secret_key import stored_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)

# --- the process ------------------------------------------------------------------------------------

STATE_DIR = Path(env.str("EVERGREEN_STATE_DIR", "") or BASE_DIR / ".state").resolve()
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or stored_secret_key(STATE_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_FAILURE_VIEW = "content.views.errors.form_refused"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("EVERGREEN_TRUSTED_ORIGINS", [])
# What whole addresses begin with; nothing: the scheme and host of each request.
BASE_URL = env.str("EVERGREEN_BASE_URL", "", validate=check_base_url)

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "django.test.runner.DiscoverRunner"

INSTALLED_APPS = [
    "project.apps.ProjectConfig",
    "content.apps.ContentConfig",
    "content.caching.apps.CachingConfig",
    "project.apps.EvergreenAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "project.apps.StaticFiles",
    # For its copy of Swagger UI, which the API's page shows from this host.
    "ninja",
]

MIDDLEWARE = [
    "project.middleware.Security",
    "content.ops.timing.ServerTimingMiddleware",
    "content.views.security.ContentSecurityPolicyMiddleware",
    "content.views.overload.OverloadMiddleware",
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
        env.str("DATABASE_URL", "") or f"sqlite:///{STATE_DIR / 'evergreen.sqlite3'}",
        conn_max_age=env.int("EVERGREEN_DATABASE_MAX_AGE", 60),
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Readers beside one writer; a writer asks for the lock when it begins, and waits up to 20 s for it.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# --- caches -----------------------------------------------------------------------------------------

GIVEN_REDIS_URL = env.str("REDIS_URL", "") or url_of_own_redis(STATE_DIR)
REDIS_URL = GIVEN_REDIS_URL or "redis://127.0.0.1:6379/0"
CACHE_URL = env.str("CACHE_URL", "") or REDIS_URL
CACHE_TIMEOUT = env.float("EVERGREEN_REDIS_TIMEOUT", 1.0)
REDIS_OPTIONS = {
    # MessagePack: pickle is nowhere.
    "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
    "COMPRESSOR": "content.caching.compressor.ZstdCompressor",
    "COMPRESS_FROM": env.int("EVERGREEN_COMPRESS_FROM", 1024),
    "SOCKET_CONNECT_TIMEOUT": CACHE_TIMEOUT,
    "SOCKET_TIMEOUT": CACHE_TIMEOUT,
    "CONNECTION_POOL_KWARGS": {"max_connections": env.int("EVERGREEN_REDIS_CONNECTIONS", 64)},
    "RETRIES": env.int("EVERGREEN_REDIS_RETRIES", 1),
    "HEALTH_CHECK_INTERVAL": env.float("EVERGREEN_REDIS_HEALTH_CHECK", 30.0),
}
CACHE_PREFIX = env.str("EVERGREEN_CACHE_PREFIX", "evergreen")
CACHE_MEMORY = env.int("EVERGREEN_MEMORY", 64) * 1024 * 1024
SESSIONS_URL = env.str("EVERGREEN_SESSIONS_CACHE_URL", "") or beside(CACHE_URL, "sessions")
LOCAL_MEMORY = 8 * 1024 * 1024


def alias(url: str, variable: str, *, prefix: str, log_url: str = GIVEN_REDIS_URL, memory: int) -> dict[str, Any]:
    common = {"KEY_PREFIX": prefix, "TIMEOUT": env.int("EVERGREEN_CACHE_TIMEOUT", 300)}
    return common | cache_of(url, log_url, memory, REDIS_OPTIONS, variable)


CACHES = {
    "default": alias(CACHE_URL, "CACHE_URL", prefix=CACHE_PREFIX, memory=CACHE_MEMORY),
    # Apart, so that they can live elsewhere; no log, since nothing invalidates a session by tag.
    "sessions": alias(
        SESSIONS_URL,
        "EVERGREEN_SESSIONS_CACHE_URL",
        prefix=f"{CACHE_PREFIX}-sessions",
        log_url="",
        memory=LOCAL_MEMORY,
    ),
    # What never leaves the process: but it hears of invalidations by the log that the default cache has, if any.
    "local": alias(
        "locmem://local",
        "CACHE_URL",
        prefix=CACHE_PREFIX,
        log_url=GIVEN_REDIS_URL or (CACHE_URL if is_redis(CACHE_URL) else ""),
        memory=LOCAL_MEMORY,
    ),
} | {
    name: alias(url, "EVERGREEN_CACHES", prefix=f"{CACHE_PREFIX}-{name}", memory=CACHE_MEMORY)
    for name, url in named_urls("EVERGREEN_CACHES", env.str("EVERGREEN_CACHES", "")).items()
}

# --- the edge ---------------------------------------------------------------------------------------

EDGE = env.bool("EVERGREEN_EDGE", not DEBUG)
# Patterns of parameters that no page depends on: readers' trails, taken out before anybody sees them.
EDGE_IGNORED_PARAMETERS: list[str] = env.list(
    "EVERGREEN_IGNORED_PARAMETERS",
    ["utm_[a-z_]+", "fbclid", "gclid", "msclkid", "mc_[a-z]+", "_ga", "igshid", "ref_src"],
)
# By which readers come, as https://example.org: whole pages are warmed for these.
WARM_ORIGINS: list[str] = env.list("EVERGREEN_WARM_ORIGINS", [], validate=check_origins)
WARM_ORIGINS = WARM_ORIGINS or ([BASE_URL] if BASE_URL else [])
# The CDN in front, which is told of each invalidation; nothing: there is none.
CDN_URL = env.str("EVERGREEN_CDN", "", validate=check_cdn)
CDN_TOKEN = env.str("EVERGREEN_CDN_TOKEN", "")
check_cdn_fits(CDN_URL, token=CDN_TOKEN, cache=CACHES["default"])
# Cache-Tag for a CDN that somebody else purges: it is told of nothing.
CDN_TAGS = env.bool("EVERGREEN_CDN_TAGS", False)

# --- comments ---------------------------------------------------------------------------------------

# From one address (of IPv6: one /64), in any minute and in any hour.
COMMENTS_A_MINUTE = env.int("EVERGREEN_COMMENTS_A_MINUTE", 5, validate=validate.Range(1, 1000))
COMMENTS_AN_HOUR = env.int("EVERGREEN_COMMENTS_AN_HOUR", 20, validate=validate.Range(1, 1000))
# Links in a comment; with more it is taken for spam, where moderators find it.
COMMENT_LINKS = env.int("EVERGREEN_COMMENT_LINKS", 3)
# Whoever sends the form sooner than after so many seconds is asked to send it again.
COMMENT_SECONDS = env.float("EVERGREEN_COMMENT_SECONDS", 2.0)

# --- the API ----------------------------------------------------------------------------------------

# From one address (of IPv6: one /64), in any minute, of what the edge has not: there nothing is counted. 0: no limit.
API_A_MINUTE = env.int("EVERGREEN_API_A_MINUTE", 600, validate=validate.Range(0, 1000))

# --- monitoring -------------------------------------------------------------------------------------

# Whether everybody may read /metrics; if not, this host and staff.
METRICS_OPEN = env.bool("EVERGREEN_METRICS_OPEN", False)

# --- sessions ---------------------------------------------------------------------------------------

SESSION_ENGINE = env.str("EVERGREEN_SESSION_ENGINE", "project.sessions")
SESSION_CACHE_ALIAS = "sessions"

# --- files ------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("EVERGREEN_STATIC_ROOT", "") or STATE_DIR / "static").resolve()
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.str("EVERGREEN_MEDIA_ROOT", "") or STATE_DIR / "media").resolve()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.static_storage.StaticStorage"},
}

# --- language and time ------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("EVERGREEN_TIME_ZONE", "UTC")
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
# Tries to log in, for one account and from one address (of IPv6: one /64).
LOGINS_A_MINUTE = env.int("EVERGREEN_LOGINS_A_MINUTE", 10, validate=validate.Range(1, 1000))
LOGINS_AN_HOUR = env.int("EVERGREEN_LOGINS_AN_HOUR", 50, validate=validate.Range(1, 1000))
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("EVERGREEN_SECURE_COOKIES", False)
SECURE_SSL_REDIRECT = env.bool("EVERGREEN_HTTPS_ONLY", False)
SECURE_HSTS_SECONDS = env.int("EVERGREEN_HSTS_SECONDS", 0)
# Subdomains and browsers' preload lists concern the whole domain, of which this site may be a part.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# --- Celery -----------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or REDIS_URL.replace("unix://", "redis+socket://", 1)

# --- logging ----------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "filters": {"no health checks": {"()": "project.log_filters.NoHealthChecks"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["no health checks"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("EVERGREEN_LOG_LEVEL", "INFO")},
    # Django's own handler would say everything twice with DEBUG. Celery tells of each task that begins and
    # ends, and httpx of each request; ours say themselves what they did.
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        "celery": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
