"""Types of settings. Each check returns its value, or raises ValueError with the allowed values."""

import importlib.util
import re
import zoneinfo
from email.utils import parseaddr
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BeforeValidator
from redis.connection import parse_url

from content.caching.backends.server import location_and_options
from project.caches import BACKENDS, MEMCACHED, REDIS, parse_named_urls
from project.mail.server import mail_settings

HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"
HOSTS_AND_PORTS = re.compile(rf"{HOST}(?::\d{{1,5}})?(?:,{HOST}(?::\d{{1,5}})?)*")
ALLOWED_HOST = re.compile(rf"\*|{HOST}")
TRUSTED_ORIGIN = re.compile(rf"https?://(?:\*\.)?{HOST}(?::\d{{1,5}})?")
DATABASE_SCHEMES = ("postgres", "postgresql", "pgsql", "sqlite")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
CDN_SERVER = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
CDN_URL = re.compile(rf"varnish://{CDN_SERVER}(,{CDN_SERVER})*|(fastly|cloudflare)://[A-Za-z0-9_-]+")
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "redis+sentinel", "rediss+sentinel", "amqp", "amqps", "memory")

TRACES_MODULES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")

DATABASE_ALLOWED = "postgres://user:password@host:5432/name or sqlite:////path"
REDIS_ALLOWED = (
    "redis://user:password@host:6379/0, rediss:// (TLS), unix:///path?db=0 or redis+sentinel://host:26379/service/0"
)
LOG_ALLOWED = f"{REDIS_ALLOWED}, or redis+cluster://host:6379"
BROKER_ALLOWED = f"a URL that begins with {', '.join(f'{scheme}://' for scheme in BROKER_SCHEMES)}"
DSN_ALLOWED = "the DSN of a project in Sentry or GlitchTip, as https://key@host/1"
CACHE_ALLOWED = f"a URL that begins with {', '.join(f'{scheme}://' for scheme in sorted(BACKENDS))}"


def require(condition: object, allowed: str) -> None:
    if not condition:
        raise ValueError(allowed)


def split_commas(text: Any) -> Any:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


def has_servers(netloc: str) -> bool:
    """Whether it is a list of hosts with valid ports or none, after a login or none."""
    servers = netloc.rpartition("@")[2]
    ports = [int(port) for port in re.findall(r":(\d+)(?:,|$)", servers)]
    return HOSTS_AND_PORTS.fullmatch(servers) is not None and all(0 < port < 65536 for port in ports)


def check_database(url: str) -> str:
    parts = split_url(url, DATABASE_ALLOWED)
    require(parts.scheme in DATABASE_SCHEMES and "://" in url, DATABASE_ALLOWED)
    if parts.scheme != "sqlite":
        require(not parts.netloc or has_servers(parts.netloc), DATABASE_ALLOWED)
        require(parts.path.strip("/") or "service=" in parts.query, f"{DATABASE_ALLOWED}, with the database's name")
    try:
        dj_database_url.parse(url)
    except ValueError as error:
        raise ValueError(DATABASE_ALLOWED) from error
    return url


def check_redis(url: str) -> str:
    require(split_url(url, REDIS_ALLOWED).scheme in REDIS_SCHEMES, REDIS_ALLOWED)
    return check_redis_url(url, REDIS_ALLOWED)


def check_log(url: str) -> str:
    require(BACKENDS.get(split_url(url, LOG_ALLOWED).scheme) == REDIS, LOG_ALLOWED)
    return check_redis_url(url, LOG_ALLOWED)


def check_cache(url: str) -> str:
    parts = split_url(url, CACHE_ALLOWED)
    backend = BACKENDS.get(parts.scheme)
    require(backend, CACHE_ALLOWED)
    if backend == MEMCACHED:
        require(parts.path if not parts.netloc else has_servers(parts.netloc), "memcached://host:11211,host2:11211")
    return check_redis_url(url, CACHE_ALLOWED) if backend == REDIS else url


def check_redis_url(url: str, allowed: str) -> str:
    parts = split_url(url, allowed)
    if parts.scheme == "unix":
        require(len(parts.path) > 1, "unix:///path?db=0, with the socket's path")
    else:
        require(has_servers(parts.netloc), f"{allowed}, with a host and a port from 1 to 65535")
        database = parts.path.strip("/").rpartition("/")[2] if "sentinel" not in parts.scheme else "0"
        require(database.isdigit() or not database, f"{allowed}, with the number of a database behind the host")
    try:
        parse_url(location_and_options(url)[0])
    except (ValueError, ImproperlyConfigured) as error:
        raise ValueError(str(error) if isinstance(error, ImproperlyConfigured) else allowed) from error
    return url


def split_url(url: str, allowed: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ValueError(allowed) from error


def check_named_urls(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        urls = parse_named_urls("EVERGREEN_CACHES", text)
    except ImproperlyConfigured as error:
        raise ValueError(
            "name=url, with blanks between; each name once, and not default, sessions or local"
        ) from error
    for url in urls.values():
        check_cache(url)
    return urls


def check_broker(url: str) -> str:
    parts = split_url(url, BROKER_ALLOWED)
    require(parts.scheme in BROKER_SCHEMES, BROKER_ALLOWED)
    if parts.scheme in REDIS_SCHEMES:
        check_redis_url(url, BROKER_ALLOWED)
    return url


def check_base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_root = parts.scheme in ("http", "https") and parts.hostname and url == f"{parts.scheme}://{parts.netloc}"
        parts.port  # noqa: B018 - raises ValueError if it is no port
    except ValueError:
        is_root = False
    allowed = "a scheme and a host, as https://example.org, without a path and without a slash at the end"
    require(is_root and "@" not in url, allowed)
    return url


def check_cdn(url: str) -> str:
    require(CDN_URL.fullmatch(url), "varnish://host:port, fastly://<service id> or cloudflare://<zone id>")
    return url


def check_host(host: str) -> str:
    require(ALLOWED_HOST.fullmatch(host), "host names with commas between, without scheme and port; .example.org; *")
    return host


def check_trusted_origin(origin: str) -> str:
    require(TRUSTED_ORIGIN.fullmatch(origin), "origins with commas between, as https://example.org")
    return origin


def check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"regular expressions with commas between ({error})") from error
    return pattern


def check_time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone, as Europe/Vienna or UTC") from error
    return name


def check_module(name: str) -> str:
    try:
        module = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        module = None
    require(module, "a module with a session engine, as project.sessions or django.contrib.sessions.backends.db")
    return name


def check_prefix(prefix: str) -> str:
    require(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", prefix), "1 to 64 letters, digits, dots, dashes and underscores")
    return prefix


def check_release(name: str) -> str:
    require(len(name) <= 64 and name.isprintable(), "1 to 64 printable characters, such as the hash of a commit")
    return name


def check_traces(url: str) -> str:
    allowed = "the URL of a collector that takes OTLP over HTTP, as http://127.0.0.1:4318"
    parts = split_url(url, allowed)
    require(parts.scheme in ("http", "https") and has_servers(parts.netloc) and not parts.fragment, allowed)
    has_sdk = all(find_module(name) for name in TRACES_MODULES)
    require(has_sdk, "empty, until the SDK that sends traces is installed: pip install -r requirements/traces.lock")
    return url if parts.path.strip("/") else f"{url.rstrip('/')}/v1/traces"


def find_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def check_mail_url(url: str) -> str:
    mail_settings(url)
    return url


def check_sender(text: str) -> str:
    """An address, with a name or without; no line break gets into a header."""
    address = parseaddr(text)[1]
    is_address = re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address) and text.isprintable() and len(text) <= 320
    require(is_address, "an address, as Evergreen <site@example.org>")
    return text


def check_secret_keys(keys: list[str]) -> list[str]:
    require(
        all(len(key) >= 16 for key in keys), "older secret keys with commas between, each of 16 characters or more"
    )
    return keys


def check_dsn(dsn: str) -> str:
    parts = split_url(dsn, DSN_ALLOWED)
    is_whole = parts.scheme in ("http", "https") and parts.username and has_servers(parts.netloc)
    require(is_whole and parts.path.rpartition("/")[2].isdigit(), DSN_ALLOWED)
    return dsn


DatabaseUrl = Annotated[str, AfterValidator(check_database)]
RedisUrl = Annotated[str, AfterValidator(check_redis)]
LogUrl = Annotated[str, AfterValidator(check_log)]
CacheUrl = Annotated[str, AfterValidator(check_cache)]
NamedUrls = Annotated[dict[str, str], BeforeValidator(check_named_urls)]
Hosts = Annotated[list[Annotated[str, AfterValidator(check_host)]], BeforeValidator(split_commas)]
TrustedOrigins = Annotated[list[Annotated[str, AfterValidator(check_trusted_origin)]], BeforeValidator(split_commas)]
Origin = Annotated[str, AfterValidator(check_base_url)]
Origins = Annotated[list[Origin], BeforeValidator(split_commas)]
Patterns = Annotated[list[Annotated[str, AfterValidator(check_pattern)]], BeforeValidator(split_commas)]
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
ModuleName = Annotated[str, AfterValidator(check_module)]
Prefix = Annotated[str, AfterValidator(check_prefix)]
TracesUrl = Annotated[str, AfterValidator(check_traces)]
ReleaseName = Annotated[str, AfterValidator(check_release)]
BrokerUrl = Annotated[str, AfterValidator(check_broker)]
CdnUrl = Annotated[str, AfterValidator(check_cdn)]
MailUrl = Annotated[str, AfterValidator(check_mail_url)]
Sender = Annotated[str, AfterValidator(check_sender)]
SecretKeys = Annotated[list[str], AfterValidator(check_secret_keys), BeforeValidator(split_commas)]
Dsn = Annotated[str, AfterValidator(check_dsn)]
