"""The settings that come from the environment: types, defaults and bounds. `.env.example` explains each."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from dotenv import load_dotenv
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from project.cdn import check_cdn
from project.setting_types import (
    CacheUrl,
    DatabaseUrl,
    Hosts,
    ModuleName,
    NamedUrls,
    Origin,
    Origins,
    Patterns,
    Prefix,
    RedisUrl,
    TimeZone,
    TrustedOrigins,
    check_broker,
)
from project.wrong_settings import WrongSettings, describe

# Which variables the file gave, each with a digest of its value: for processes that inherit them.
FROM_FILE = "_EVERGREEN_FROM_FILE"
# In the environment of each process that `manage.py up` starts.
OF_UP = "EVERGREEN_UP"

Megabytes = Annotated[int, Field(ge=1, le=1024 * 1024)]
CountAMinute = Annotated[int, Field(ge=1, le=1000)]
Seconds = Annotated[int, Field(ge=0, le=10 * 366 * 86400)]

# An empty list has a meaning of its own: every parameter counts. Elsewhere, empty means the default.
KEEP_EMPTY = "EVERGREEN_IGNORED_PARAMETERS"


class Environment(BaseModel):
    """One field a variable."""

    model_config = ConfigDict(frozen=True)

    SECRET_KEY: str = ""
    DEBUG: bool = False
    ALLOWED_HOSTS: Hosts = ["127.0.0.1", "localhost", "[::1]"]
    EVERGREEN_TRUSTED_ORIGINS: TrustedOrigins = []
    EVERGREEN_BASE_URL: Origin = ""
    EVERGREEN_STATE_DIR: str = ""
    EVERGREEN_STATIC_ROOT: str = ""
    EVERGREEN_MEDIA_ROOT: str = ""
    EVERGREEN_TIME_ZONE: TimeZone = "UTC"

    LOG_FORMAT: Literal["text", "json"] = "text"
    EVERGREEN_LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    EVERGREEN_ACCESS_LOG: bool = False

    DATABASE_URL: DatabaseUrl = ""
    EVERGREEN_DATABASE_MAX_AGE: Seconds = 60

    REDIS_URL: RedisUrl = ""
    CACHE_URL: CacheUrl = ""
    EVERGREEN_SESSIONS_CACHE_URL: CacheUrl = ""
    EVERGREEN_CACHES: NamedUrls = {}
    CELERY_BROKER_URL: Annotated[str, AfterValidator(check_broker)] = ""
    EVERGREEN_CACHE_PREFIX: Prefix = "evergreen"
    EVERGREEN_CACHE_TIMEOUT: Seconds = 300
    EVERGREEN_MEMORY: Megabytes = 64
    EVERGREEN_COMPRESS_FROM: Annotated[int, Field(ge=0, le=1024**3)] = 1024
    EVERGREEN_REDIS_TIMEOUT: Annotated[float, Field(ge=0.001, le=60)] = 1.0
    EVERGREEN_REDIS_CONNECTIONS: Annotated[int, Field(ge=1, le=10_000)] = 64
    EVERGREEN_REDIS_RETRIES: Annotated[int, Field(ge=0, le=10)] = 1
    EVERGREEN_REDIS_HEALTH_CHECK: Annotated[float, Field(ge=0, le=3600)] = 30.0

    # None: on, except with DEBUG.
    EVERGREEN_EDGE: bool | None = None
    EVERGREEN_IGNORED_PARAMETERS: Patterns = [
        "utm_[a-z_]+",
        "fbclid",
        "gclid",
        "msclkid",
        "mc_[a-z]+",
        "_ga",
        "igshid",
        "ref_src",
    ]
    EVERGREEN_WARM_ORIGINS: Origins = []
    EVERGREEN_CDN: Annotated[str, AfterValidator(check_cdn)] = ""
    EVERGREEN_CDN_TOKEN: str = ""
    EVERGREEN_CDN_TAGS: bool = False

    EVERGREEN_COMMENTS_A_MINUTE: CountAMinute = 5
    EVERGREEN_COMMENTS_AN_HOUR: CountAMinute = 20
    EVERGREEN_COMMENT_LINKS: Annotated[int, Field(ge=0, le=1000)] = 3
    EVERGREEN_COMMENT_SECONDS: Annotated[float, Field(ge=0, le=3600)] = 2.0
    EVERGREEN_API_A_MINUTE: Annotated[int, Field(ge=0, le=1000)] = 600
    EVERGREEN_LOGINS_A_MINUTE: Annotated[int, Field(ge=1, le=1000)] = 10
    EVERGREEN_LOGINS_AN_HOUR: Annotated[int, Field(ge=1, le=1000)] = 50
    EVERGREEN_METRICS_OPEN: bool = False

    EVERGREEN_SESSION_ENGINE: ModuleName = "project.sessions"
    EVERGREEN_SECURE_COOKIES: bool = False
    EVERGREEN_HTTPS_ONLY: bool = False
    EVERGREEN_HSTS_SECONDS: Seconds = 0


def read_environment(env_file: Path) -> Environment:
    """The environment, which wins, and `env_file`. Raises WrongSettings with all mistakes."""
    try:
        load_file(env_file)
    except (OSError, ValueError) as error:
        raise WrongSettings([f"{env_file} cannot be read ({error})."]) from error
    return parse(os.environ)


def load_file(env_file: Path) -> None:
    """Put the variables of `env_file` into the environment; those of an earlier reading by a parent process go first.

    A process inherits what its parent read. Without this, a changed line would look like one that is overridden.
    Processes of `manage.py up` share the environment that it read when it started: they must agree.
    """
    if OF_UP in os.environ:
        return
    for mark in os.environ.pop(FROM_FILE, "").split():
        digest, _, name = mark.partition(":")
        # Another value was set on purpose, for this process.
        if name in os.environ and digest_of(os.environ[name]) == digest:
            del os.environ[name]
    before = set(os.environ)
    load_dotenv(env_file)
    if added := os.environ.keys() - before:
        os.environ[FROM_FILE] = " ".join(f"{digest_of(os.environ[name])}:{name}" for name in sorted(added))


def digest_of(value: str) -> str:
    return sha256(os.fsencode(value)).hexdigest()[:16]


def parse(values: Mapping[str, str]) -> Environment:
    """Raises WrongSettings with all mistakes."""
    given = {name: value for name in Environment.model_fields if (value := values.get(name)) or name == KEEP_EMPTY}
    try:
        return Environment.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise WrongSettings([describe(Environment, mistake) for mistake in error.errors()]) from None
