"""System checks for caches, resources and fragments. `manage.py check --deploy` also asks the Redis of the log."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.template import Template, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.utils import InvalidTemplateEngineError
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from .backends import MemcachedCache, RedisCache
from .declarations import aliases_in_use, duplicate_names, views_without_store
from .engines import log_server
from .templatetags.fragments import FragmentNode

Messages = list[CheckMessage]

# Backends that unpickle: write access to their store is enough to run code in this process.
UNPICKLING = (
    "django.core.cache.backends.db.DatabaseCache",
    "django.core.cache.backends.filebased.FileBasedCache",
    "django.core.cache.backends.memcached.PyLibMCCache",
    "django.core.cache.backends.memcached.PyMemcacheCache",
    "django.core.cache.backends.redis.RedisCache",
)
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
DUMMY = "django.core.cache.backends.dummy.DummyCache"
LEAST_MEMORY = 1024 * 1024
MOST_HEAT = 1_000_000


def register_checks() -> None:
    register(check_caches, "caches")
    register(check_resources, "caches")
    register(check_pages, "caches")
    register(check_log, "caches", deploy=True)
    register(check_fragments, "templates")


def check_caches(app_configs: Any, **kwargs: Any) -> Messages:
    """Each alias in use exists, unpickles nothing, and has timeouts."""
    messages: Messages = []
    for alias in sorted(aliases_in_use()):
        config = settings.CACHES.get(alias)
        if config is None:
            messages.append(
                Error(f"Resources or views name the cache {alias!r}, which CACHES has not.", id="caching.E001")
            )
        else:
            messages += _check_backend(alias, config)
    return messages


def check_resources(app_configs: Any, **kwargs: Any) -> Messages:
    return [
        Error(
            f"Two resources are named {name!r}, of {first} and {second}: each would be given the other's values.",
            hint="A resource's name is part of its keys, and must be its own.",
            id="caching.E004",
        )
        for name, (first, second) in sorted(duplicate_names.items())
    ]


def check_pages(app_configs: Any, **kwargs: Any) -> Messages:
    """Pages of each `cache_page` are stored somewhere: by an edge or in a cache."""
    _import_quietly(settings.ROOT_URLCONF)
    if views_without_store():
        for name in _asgi_modules():
            _import_quietly(name)
    views = views_without_store()
    if not views:
        return []
    return [
        Warning(
            f"cache_page on {', '.join(views)}: nothing stores the pages, because this process has no edge and "
            "cache_page no cache. Each request calls the view.",
            hint=f"Wrap the application in asgi.py: EdgeCache(get_asgi_application()) of {__package__}.edge, and "
            "name it in ASGI_APPLICATION. Or give cache_page(..., cache='default').",
            id="caching.W008",
        )
    ]


def _asgi_modules() -> Iterator[str]:
    """Where a project makes its ASGI application."""
    if application := getattr(settings, "ASGI_APPLICATION", None):
        yield application.rpartition(".")[0]
    package = (settings.SETTINGS_MODULE or "").rpartition(".")[0]
    if package:
        yield f"{package}.asgi"


def _import_quietly(name: Any) -> None:
    """A module that cannot be imported is reported by Django's own checks, or by its server."""
    if isinstance(name, str):
        with suppress(Exception):
            import_module(name)


def check_log(app_configs: Any, **kwargs: Any) -> Messages:
    """Each Redis with a log answers and does not evict: an evicted log makes every entry invalid."""
    return [
        message for alias in sorted(aliases_in_use()) if alias in settings.CACHES for message in _check_log(alias)
    ]


def _check_backend(alias: str, config: Mapping[str, Any]) -> Iterator[CheckMessage]:
    path, options = config.get("BACKEND", ""), config.get("OPTIONS") or {}
    if path in UNPICKLING:
        yield Error(
            f"The cache {alias!r} unpickles what it reads: whoever can write to its store can run code here.",
            hint=f"Use {_dotted_name(RedisCache)} or {_dotted_name(MemcachedCache)}.",
            id="caching.E002",
        )
    elif path == LOCMEM and not options.get("LOG"):
        yield Warning(
            f"The cache {alias!r} is each process's own: an invalidation in one does not reach the others.",
            hint="With more than one process, workers included, use Redis or Memcached, or give OPTIONS['LOG'].",
            id="caching.W001",
        )
    elif path == DUMMY:
        yield Warning(f"The cache {alias!r} keeps nothing: every read is a load.", id="caching.W002")
    elif issubclass(import_string(path), RedisCache):
        yield from _check_redis(alias, options)
    memory = options.get("MEMORY")
    if memory is not None and (type(memory) is not int or memory < LEAST_MEMORY):
        yield Error(
            f"OPTIONS['MEMORY'] of the cache {alias!r} is {memory!r}: it is bytes, {LEAST_MEMORY} at least.",
            id="caching.E005",
        )
    most = options.get("HEAT")
    if most is not None and (type(most) is not int or not 0 <= most <= MOST_HEAT):
        yield Error(
            f"OPTIONS['HEAT'] of the cache {alias!r} is {most!r}: it is a number of entries, 0 to {MOST_HEAT}.",
            hint="The reads of so many entries are counted; with 0 none are.",
            id="caching.E007",
        )


def _check_redis(alias: str, options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    serializer = options.get("SERIALIZER", "django_redis.serializers.pickle.PickleSerializer")
    if "pickle" in str(serializer).lower():
        yield Error(
            f"The cache {alias!r} is serialised with pickle: whoever can write to its Redis can run code here.",
            hint=f"OPTIONS['SERIALIZER'] = '{__package__}.serializer.MessagePackSerializer'",
            id="caching.E003",
        )
    if not options.get("SOCKET_TIMEOUT") or not options.get("SOCKET_CONNECT_TIMEOUT"):
        yield Warning(
            f"The cache {alias!r} has no SOCKET_TIMEOUT or no SOCKET_CONNECT_TIMEOUT: a Redis that hangs would hold "
            "its readers.",
            hint="Give both in OPTIONS, in seconds: 1.0 is long.",
            id="caching.W003",
        )
    if options.get("IGNORE_EXCEPTIONS"):
        yield Warning(
            f"The cache {alias!r} has IGNORE_EXCEPTIONS: the engine, which lives well without Redis, is not told "
            "when it fails, and asks it again for each read.",
            id="caching.W004",
        )


def _check_log(alias: str) -> Iterator[CheckMessage]:
    server = log_server(alias)
    if server is None:
        return
    try:
        with server.sync_client() as client:
            found = client.config_get("maxmemory*")
    except (RedisError, OSError) as error:
        yield Warning(
            f"The Redis that keeps the invalidation log of {alias!r} does not answer, or not to CONFIG GET: {error}",
            hint="Without it nothing is fresh: readers are served what is stale while it is loaded again.",
            id="caching.W005",
        )
        return
    policy = found.get("maxmemory-policy", "noeviction")
    # The log has no end of its own: "volatile" policies leave it alone.
    if int(found.get("maxmemory", 0)) and policy.startswith("allkeys"):
        yield Warning(
            f"The Redis that keeps the invalidation log of {alias!r} evicts ({policy}), and so all entries.",
            hint="OPTIONS['LOG'] may name another Redis, with maxmemory-policy noeviction.",
            id="caching.W006",
        )


def _dotted_name(backend: type) -> str:
    return f"{__package__}.backends.{backend.__name__}"


def check_fragments(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that no fragment in a template file shows one reader's data to another."""
    return [message for name, node in _fragments() for message in _check_fragment(name, node)]


def _check_fragment(template: str, node: FragmentNode) -> Iterator[CheckMessage]:
    if "csrf_token" in node.personal:
        yield Error(
            f"The fragment {node.name!r} in {template} contains a form token, which other readers would get.",
            hint="Put the form outside of the fragment.",
            id="caching.E006",
        )
    if personal := node.personal - {"csrf_token"}:
        yield Warning(
            f"The fragment {node.name!r} in {template} names {', '.join(sorted(personal))} and does not vary on it.",
            hint="Other readers would see the same text. Add the value after the fragment's name, such as user.pk.",
            id="caching.W007",
        )


def _fragments() -> Iterator[tuple[str, FragmentNode]]:
    for folder, engine in _folders():
        for path in sorted(folder.rglob("*")):
            for node in _nodes_of(path, engine):
                yield path.relative_to(folder).as_posix(), node


def _folders() -> Iterator[tuple[Path, Any]]:
    try:
        backends = engines.all()
    except InvalidTemplateEngineError:  # Django's own checks report it
        return
    for backend in backends:
        if isinstance(backend, DjangoTemplates):
            for folder in backend.template_dirs:
                yield Path(folder), backend.engine


def _nodes_of(path: Path, engine: Any) -> list[FragmentNode]:
    """The fragments in a template file. None if it cannot be compiled: rendering reports the error."""
    try:
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        if "endfragment" not in source:
            return []
        nodes: Any = Template(source, engine=engine).nodelist
        return list(nodes.get_nodes_by_type(FragmentNode))
    except (OSError, UnicodeDecodeError, TemplateSyntaxError):
        return []
