"""The visitor who asks for a WebSocket: checked before it is accepted, and every few seconds while it is open."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from content.caching.edge.asgi import Message

EDIT = "content.change_post"
# Sessions of another store than the database that are read again at once.
MOST_READ = 20


class Visitor(msgspec.Struct, frozen=True):
    """A member of staff with a session. `may_edit`: posts."""

    session: str
    user: int
    name: str
    login: str
    may_edit: bool


def is_same_origin(scope: Message) -> bool:
    """Whether a page of this site opens the WebSocket. A browser sends cookies for pages of other sites as well."""
    hosts, origins = (_values(scope, name) for name in (b"host", b"origin"))
    if len(hosts) != 1 or len(origins) != 1:
        return False
    host, origin = hosts[0].lower(), origins[0].lower()
    if not validate_host(split_domain_port(host)[0], _allowed_hosts()):
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    schemes = ("https",) if scope.get("scheme") == "wss" else ("http", "https")
    return origin in {f"{scheme}://{host}" for scheme in schemes}


def _allowed_hosts() -> Iterable[str]:
    return settings.ALLOWED_HOSTS or ([".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])


def _values(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in scope["headers"] if each == name]


def session_of(scope: Message) -> str:
    """The session's key in the cookies; empty without one."""
    cookies = parse_cookie("; ".join(_values(scope, b"cookie")))
    return cookies.get(settings.SESSION_COOKIE_NAME, "")


async def find_visitor(session: str) -> Visitor | None:
    """None for everybody but staff. Raises errors of the database."""
    return await database_sync_to_async(_find_visitor)(session)  # type: ignore[no-any-return]


def _find_visitor(key: str) -> Visitor | None:
    session = _session_store()(key)
    login, user = session.get(HASH_SESSION_KEY, ""), _user_of(session)
    if user is None or not (user.is_active and user.is_staff and _is_login_of(login, user)):
        return None
    return Visitor(key, user.pk, user.get_full_name() or user.get_username(), login, user.has_perm(EDIT))


def _session_store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


def _user_of(session: Any) -> Any:
    """Like Django's `get_user`, which would give the session another key that nobody could send to the browser."""
    backend = session.get(BACKEND_SESSION_KEY)
    if backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        key = get_user_model()._meta.pk.to_python(session[SESSION_KEY])
    except (KeyError, ValueError):
        return None
    return load_backend(backend).get_user(key)


def _is_login_of(login: str, user: Any) -> bool:
    """Whether the session began after the last change of the password."""
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(login, each) for each in hashes)


async def find_expired(visitors: set[Visitor]) -> set[Visitor]:
    """Those who have logged out, or are not what they were. Raises errors of the database."""
    return await database_sync_to_async(_find_expired)(visitors)  # type: ignore[no-any-return]


def _find_expired(visitors: set[Visitor]) -> set[Visitor]:
    """Two queries for all of them, if sessions are in the database."""
    store = _session_store()
    if not issubclass(store, DatabaseStore):
        some = list(visitors)[:MOST_READ]
        return {visitor for visitor in some if _find_visitor(visitor.session) != visitor}
    rows = store.get_model_class().objects.filter(
        session_key__in={visitor.session for visitor in visitors}, expire_date__gt=timezone.now()
    )
    sessions = set(rows.values_list("session_key", flat=True))
    users = get_user_model().objects.in_bulk({visitor.user for visitor in visitors})
    return {visitor for visitor in visitors if visitor.session not in sessions or not _is_still(visitor, users)}


def _is_still(visitor: Visitor, users: dict[int, Any]) -> bool:
    user = users.get(visitor.user)
    if user is None or not (user.is_active and user.is_staff and _is_login_of(visitor.login, user)):
        return False
    return not visitor.may_edit or user.has_perm(EDIT)
