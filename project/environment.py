"""The environment variables of the service: types, defaults and bounds. `.env.example` explains each."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import load_dotenv
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from project.caches import REDIS
from project.setting_types import (
    BrokerUrl,
    CacheUrl,
    CdnUrl,
    DatabaseUrl,
    Dsn,
    Hosts,
    LogUrl,
    MailUrl,
    ModuleName,
    NamedUrls,
    Origin,
    Origins,
    Patterns,
    Prefix,
    RedisUrl,
    ReleaseName,
    SecretKeys,
    Sender,
    TimeZone,
    TracesUrl,
    TrustedOrigins,
)
from project.wrong_settings import WrongSettings, describe

# The variables that come from the file, each with a digest of its value: for processes that inherit them.
FROM_FILE = "_EVERGREEN_FROM_FILE"
# Set for each process that `manage.py up` starts.
UNDER_UP = "EVERGREEN_UP"

Megabytes = Annotated[int, Field(ge=1, le=1024 * 1024)]
CountAMinute = Annotated[int, Field(ge=1, le=1000)]
Seconds = Annotated[int, Field(ge=0, le=10 * 366 * 86400)]

# A variable with this ending names a file with the value of the other, as SECRET_KEY_FILE.
FILE_SUFFIX = "_FILE"
# Characters.
LARGEST_FILE = 64 * 1024

# Empty means that no parameter is ignored. For all other variables, empty means the default.
KEEP_EMPTY = "EVERGREEN_IGNORED_PARAMETERS"


class Environment(BaseModel):
    """One field for each variable."""

    model_config = ConfigDict(frozen=True)

    SECRET_KEY: str = ""
    EVERGREEN_SECRET_KEY_FALLBACKS: SecretKeys = []
    DEBUG: bool = False
    ALLOWED_HOSTS: Hosts = ["127.0.0.1", "localhost", "[::1]"]
    EVERGREEN_TRUSTED_ORIGINS: TrustedOrigins = []
    EVERGREEN_BASE_URL: Origin = ""
    EVERGREEN_STATE_DIR: str = ""
    EVERGREEN_STATIC_ROOT: str = ""
    EVERGREEN_MEDIA_ROOT: str = ""
    EVERGREEN_TIME_ZONE: TimeZone = "UTC"
    # Empty: a digest of the files that pages are made from.
    EVERGREEN_RELEASE: ReleaseName = ""
    # Read where signs of life are given: content/liveness.py.
    EVERGREEN_ALIVE_FILE: str = ""

    LOG_FORMAT: Literal["text", "json"] = "text"
    EVERGREEN_LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    EVERGREEN_ACCESS_LOG: bool = False

    DATABASE_URL: DatabaseUrl = ""
    EVERGREEN_DATABASE_MAX_AGE: Seconds = 60
    EVERGREEN_BACKUPS_DIR: str = ""

    REDIS_URL: RedisUrl = ""
    CACHE_URL: CacheUrl = ""
    EVERGREEN_LOG_URL: LogUrl = ""
    EVERGREEN_SESSIONS_CACHE_URL: CacheUrl = ""
    EVERGREEN_CACHES: NamedUrls = {}
    CELERY_BROKER_URL: BrokerUrl = ""
    EVERGREEN_CHANNELS_URL: RedisUrl = ""
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
    # Megabytes; 0: a share of Redis's maxmemory.
    EVERGREEN_WARM_MEMORY: Annotated[int, Field(ge=0, le=1024 * 1024)] = 0
    EVERGREEN_WARM_AT_ONCE: Annotated[int, Field(ge=1, le=32)] = 8
    EVERGREEN_WARM_RATE: Annotated[int, Field(ge=1, le=100_000)] = 500
    # Percent of the hottest entries, and seconds; a worker process of `serve` must listen within 60.
    EVERGREEN_START_COVERAGE: Annotated[int, Field(ge=0, le=100)] = 95
    EVERGREEN_START_WITHIN: Annotated[int, Field(ge=0, le=50)] = 30
    # Percent of the 1,000 hottest entries; 0 demands nothing. Seconds after which a process is ready in any case.
    EVERGREEN_READY_COVERAGE: Annotated[float, Field(ge=0, le=100)] = 0.0
    EVERGREEN_READY_SECONDS: Annotated[int, Field(ge=0, le=86_400)] = 120
    EVERGREEN_READY_REDIS: bool = False
    EVERGREEN_CDN: CdnUrl = ""
    EVERGREEN_CDN_TOKEN: str = ""
    EVERGREEN_CDN_TAGS: bool = False

    EVERGREEN_COMMENTS_A_MINUTE: CountAMinute = 5
    EVERGREEN_COMMENTS_AN_HOUR: CountAMinute = 20
    EVERGREEN_COMMENT_LINKS: Annotated[int, Field(ge=0, le=1000)] = 3
    EVERGREEN_COMMENT_SECONDS: Annotated[float, Field(ge=0, le=3600)] = 2.0
    EVERGREEN_API_A_MINUTE: Annotated[int, Field(ge=0, le=1000)] = 600
    EVERGREEN_OPS_A_MINUTE: Annotated[int, Field(ge=0, le=1000)] = 120
    EVERGREEN_OPS_FAILURES_A_MINUTE: Annotated[int, Field(ge=0, le=1000)] = 20
    EVERGREEN_LOGINS_A_MINUTE: Annotated[int, Field(ge=1, le=1000)] = 10
    EVERGREEN_LOGINS_AN_HOUR: Annotated[int, Field(ge=1, le=1000)] = 50
    EVERGREEN_METRICS_OPEN: bool = False
    EVERGREEN_METRICS_DIR: str = ""
    EVERGREEN_VERIFY: bool = True
    EVERGREEN_VERIFY_BUDGET: Annotated[float, Field(ge=0.0001, le=0.5)] = 0.01
    EVERGREEN_TRACES: TracesUrl = ""
    EVERGREEN_TRACES_RATIO: Annotated[float, Field(ge=0, le=1)] = 0.01
    EVERGREEN_TRACES_PARENT: bool = False

    # Empty: mail is printed to the log.
    EVERGREEN_EMAIL_URL: MailUrl = ""
    EVERGREEN_EMAIL_FROM: Sender = "Evergreen <evergreen@localhost>"
    # Minutes between two digests of waiting comments; 0: none are sent.
    EVERGREEN_COMMENT_DIGEST_MINUTES: Annotated[int, Field(ge=0, le=10_080)] = 60
    # Empty: errors are only logged.
    EVERGREEN_SENTRY_DSN: Dsn = ""

    EVERGREEN_SESSION_ENGINE: ModuleName = "project.sessions"
    EVERGREEN_SECURE_COOKIES: bool = False
    EVERGREEN_HTTPS_ONLY: bool = False
    EVERGREEN_HSTS_SECONDS: Seconds = 0


def read_environment(env_file: Path) -> Environment:
    """Read the environment and `env_file`; the environment wins. Raises WrongSettings with all mistakes."""
    try:
        load_file(env_file)
    except (OSError, ValueError) as error:
        raise WrongSettings([f"{env_file} cannot be read ({error})."]) from error
    return parse(os.environ)


def load_file(env_file: Path) -> None:
    """Put the variables of `env_file` into the environment, after removing those that a parent process read from it.

    A process inherits the environment of its parent. Without the removal, an old line of the file would win over a
    new one. Processes under `manage.py up` use the variables that it read when it started: they must agree.
    """
    if UNDER_UP in os.environ:
        return
    for mark in os.environ.pop(FROM_FILE, "").split():
        digest, _, name = mark.partition(":")
        # A different value was set on purpose, for this process.
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
    from_files, mistakes = read_files(values)
    try:
        given_text = {name: value for name, value in given.items() if value is not None}
        environment = Environment.model_validate(given_text | from_files)
    except ValidationError as error:
        mistakes += [describe(Environment, mistake) for mistake in error.errors()]
    if mistakes:
        raise WrongSettings(mistakes)
    return environment


def read_files(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The values that files hold, by the variable's name, and a line for each mistake.

    Secrets of containers and of systemd are files: SECRET_KEY_FILE=/run/secrets/secret_key.
    """
    found, mistakes = dict[str, str](), list[str]()
    for name in Environment.model_fields:
        path = values.get(name + FILE_SUFFIX)
        if not path:
            continue
        if values.get(name):
            mistakes.append(f"{name} and {name}{FILE_SUFFIX} are both set. Allowed: one of them.")
            continue
        try:
            found[name] = read_value(path)
        except (OSError, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            mistakes.append(f"{name}{FILE_SUFFIX} is {path!r} ({reason}). Allowed: a file with the value of {name}.")
    return found, mistakes


def read_value(path: str) -> str:
    """The text of a file without the blanks around it. Raises OSError or ValueError."""
    with open(path, encoding="utf-8") as file:
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise ValueError(f"it is longer than {LARGEST_FILE} characters")
    if not text.strip():
        raise ValueError("it is empty")
    return text.strip()


def variables() -> list[str]:
    """The names of all variables, those that name files included."""
    return [each for name in Environment.model_fields for each in (name, name + FILE_SUFFIX)]


def check_cdn_requirements(env: Environment, cache: dict[str, Any]) -> None:
    """A CDN needs the log, and perhaps a token. `cache` is the default one. Raises WrongSettings."""
    if urlsplit(env.EVERGREEN_CDN).scheme in ("fastly", "cloudflare") and not env.EVERGREEN_CDN_TOKEN:
        raise WrongSettings(["EVERGREEN_CDN_TOKEN is empty. Allowed: a token that may purge this CDN."])
    if env.EVERGREEN_CDN and cache["BACKEND"] != REDIS and not cache["OPTIONS"].get("LOG"):
        raise WrongSettings(["EVERGREEN_CDN needs the invalidation log, which is in a Redis. Set REDIS_URL too."])
