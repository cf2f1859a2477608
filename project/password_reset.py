"""A new password by mail, in the admin's style.

The request asks no table: only the worker learns whether an account has the address. So neither the text nor the
time of a response tells it.
"""

import logging
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordResetForm
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache

from content.limits import Limit, Rate, client_network
from project.logins import format_wait
from project.outgoing import send_after_commit

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
MAILS_AN_HOUR = 3


def address_limit() -> Limit:
    minute = Rate(settings.LOGINS_A_MINUTE, timedelta(minutes=1))
    return Limit("reset-client", minute, Rate(settings.LOGINS_AN_HOUR, HOUR))


def mail_limit() -> Limit:
    """Mails to one address. Past it the page is the same, and nothing is sent."""
    return Limit("reset-mail", Rate(MAILS_AN_HOUR, HOUR))


class QueuedResetForm(PasswordResetForm):
    """Leaves the look-up of the account, the link and the mail to a worker."""

    def save(self, *args: Any, request: HttpRequest | None = None, **options: Any) -> None:
        address = self.cleaned_data["email"]
        if request is None or not async_to_sync(mail_limit().take)(address.casefold()).allowed:
            logger.info("No mail for a new password: that address got %d within an hour.", MAILS_AN_HOUR)
            return
        send_after_commit("send_password_reset", address, origin_of(request))


def origin_of(request: HttpRequest) -> str:
    return settings.BASE_URL or f"{request.scheme}://{request.get_host()}"


class AdminStyle:
    """The context that the templates of the admin show around the form."""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().get_context_data(**context)  # type: ignore[misc]
        return admin.site.each_context(self.request) | shown  # type: ignore[attr-defined]


class ResetView(AdminStyle, views.PasswordResetView):
    form_class = QueuedResetForm

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        verdict = async_to_sync(address_limit().take)(client_network(request.META.get("REMOTE_ADDR", "")))
        if verdict.allowed:
            return super().post(request, *args, **options)
        form = self.get_form()
        form.add_error(None, f"Too many tries. Wait {format_wait(verdict.whole_seconds)}, then try again.")
        response = self.render_to_response(self.get_context_data(form=form), status=429)
        response["Retry-After"] = str(verdict.whole_seconds)
        return response


class DoneView(AdminStyle, views.PasswordResetDoneView):
    pass


class ConfirmView(AdminStyle, views.PasswordResetConfirmView):
    pass


class CompleteView(AdminStyle, views.PasswordResetCompleteView):
    pass


def as_view(view: Any) -> Any:
    """No cache stores it: its form has a token, and its path may have one."""
    return never_cache(view.as_view())


# The admin's login page shows a link to the first of them by its name.
urlpatterns = [
    path("password_reset/", as_view(ResetView), name="admin_password_reset"),
    path("password_reset/done/", as_view(DoneView), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", as_view(ConfirmView), name="password_reset_confirm"),
    path("reset/done/", as_view(CompleteView), name="password_reset_complete"),
]
