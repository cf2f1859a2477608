"""Access to the dashboard: staff of this site, as in the admin.

While the database is down nobody can be looked up, and that is when an operator needs the page. So each process
remembers for a while who was staff, by their session, and lets them look. Only the database lets them order anything.
"""

import asyncio
import functools
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from content.cache_headers import forbid_storing
from content.caching.errors import Overloaded
from content.ops.state.database import query

# Seconds for which a process remembers somebody, and how many it remembers.
REMEMBERED, MOST = 900.0, 100
# Seconds that a lookup may take: for somebody who is remembered, and for others.
PATIENCE, LONG_PATIENCE = 0.4, 5.0
STEER, PURGE = "content.steer_warmrun", "content.start_purge"


@dataclass(frozen=True)
class Staff:
    """`is_current`: the database has just confirmed it."""

    name: str
    permissions: frozenset[str]
    is_current: bool = True

    def may(self, permission: str) -> bool:
        return self.is_current and permission in self.permissions


class Memory:
    """Staff by a digest of their session, with the time until which they are remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._staff: OrderedDict[str, tuple[float, Staff]] = OrderedDict()

    def put(self, session: str, staff: Staff | None) -> None:
        """None forgets them: they have logged out, or are no staff any more."""
        self._staff.pop(session, None)
        if staff is not None:
            self._staff[session] = self.clock() + REMEMBERED, staff
            while len(self._staff) > MOST:
                self._staff.popitem(last=False)

    def get(self, session: str) -> Staff | None:
        until, staff = self._staff.get(session, (0.0, None))
        return replace(staff, is_current=False) if staff is not None and self.clock() < until else None


memory = Memory()


async def staff_of(request: HttpRequest) -> Staff | None:
    """None for visitors, and for people with an account that is no staff. Raises an error of the database."""
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not cookie or not hasattr(request, "session"):
        return None
    session = hashlib.sha256(cookie.encode()).hexdigest()
    remembered = memory.get(session)
    try:
        staff = await asyncio.wait_for(
            query(lambda: look_up(request)), LONG_PATIENCE if remembered is None else PATIENCE
        )
    except (DatabaseError, InterfaceError, TimeoutError):
        if remembered is None:
            raise
        return remembered
    memory.put(session, staff)
    return staff


def look_up(request: HttpRequest) -> Staff | None:
    user: Any = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return None
    return Staff(user.get_username(), frozenset(each for each in (STEER, PURGE) if user.has_perm(each)))


View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def for_staff(view: View) -> View:
    """Visitors are sent to log in, and others get 403: the same for every path below /ops/. No cache stores it."""

    @functools.wraps(view)
    async def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await admit(view, request, *args, **kwargs)
        del response["Evergreen-Cache-Control"]
        return forbid_storing(response)

    return guard


async def admit(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        staff = await staff_of(request)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        raise Overloaded("The database does not answer, so it is not known who may see the dashboard.") from error
    if staff is not None:
        request.staff = staff  # type: ignore[attr-defined]
        return await view(request, *args, **kwargs)
    if settings.SESSION_COOKIE_NAME in request.COOKIES and await is_logged_in(request):
        raise PermissionDenied
    return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': reverse('ops')})}")


async def is_logged_in(request: HttpRequest) -> bool:
    return await query(lambda: bool(request.user.is_authenticated))


def staff_of_request(request: HttpRequest) -> Staff:
    staff: Staff = request.staff  # type: ignore[attr-defined]
    return staff
