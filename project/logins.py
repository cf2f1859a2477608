"""Limits of login attempts, for each address and each account."""

from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse

from content.limits import Limit, Rate, Verdict, client_network

# Marks a browser in which an account has logged in (OWASP's device cookie). Its attempts are counted separately, so
# that strangers who guess passwords do not lock out the owner.
DEVICE_COOKIE = "evergreen_device"
DEVICE_SECONDS = 180 * 24 * 60 * 60
signer = Signer(salt="evergreen.device")


def limit(name: str) -> Limit:
    minute = Rate(settings.LOGINS_A_MINUTE, timedelta(minutes=1))
    return Limit(name, minute, Rate(settings.LOGINS_AN_HOUR, timedelta(hours=1)))


async def take(request: HttpRequest, account: str) -> Verdict:
    """Count one attempt for the account and the address. While Redis is down, each process counts by itself."""
    verdict = await limit("login-address").take(client_network(request.META.get("REMOTE_ADDR", "")))
    if not verdict.allowed:
        return verdict
    device = device_of(request, account)
    return await limit("login-device" if device else "login-account").take(device or account)


def device_of(request: HttpRequest, account: str) -> str:
    """The device cookie, if it belongs to the account; otherwise empty."""
    value = request.COOKIES.get(DEVICE_COOKIE, "")
    try:
        return value if signer.unsign(value) == account else ""
    except BadSignature:
        return ""


class LoginForm(AdminAuthenticationForm):
    """Counts each attempt before it checks the password. `verdict` is that of the limits, after a submit."""

    verdict: Verdict | None = None

    def clean(self) -> Any:
        account = self.cleaned_data.get("username")
        if account and self.cleaned_data.get("password") and self.request is not None:
            self.verdict = async_to_sync(take)(self.request, account)
            if not self.verdict.allowed:
                raise ValidationError(
                    f"Too many tries to log in. Wait {format_wait(self.verdict.whole_seconds)}, then try again.",
                    code="too_many",
                )
        return super().clean()


def format_wait(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{-(-seconds // 60)} minutes"


def limit_response(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Make the response 429 with Retry-After past the limits; set the device cookie after a login."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    verdict = getattr(form, "verdict", None)
    if verdict is not None and not verdict.allowed:
        response.status_code = 429
        response["Retry-After"] = str(verdict.whole_seconds)
    elif response.status_code == 302 and request.user.is_authenticated:
        response.set_cookie(
            DEVICE_COOKIE,
            signer.sign(request.user.get_username()),
            max_age=DEVICE_SECONDS,
            path=request.path,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
