"""Mistakes in settings, one line for each: the name, the value without secrets, and the allowed values."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel

# Their values are never printed.
SECRET = (
    "SECRET_KEY",
    "EVERGREEN_SECRET_KEY_FALLBACKS",
    "EVERGREEN_CDN",
    "EVERGREEN_CDN_TOKEN",
    "EVERGREEN_EMAIL_URL",
    "EVERGREEN_SENTRY_DSN",
)
LONGEST_VALUE = 120
# Text after a colon may be a password, unless it is a port or inside the brackets of an IPv6 address.
NO_PORT = re.compile(r":(?!\d{1,5}(?:[/,?]|$))(?![0-9a-fA-F:.]*\])[^/,?]+")

PREFIX = "EVERGREEN_"
# Read by child processes of `manage.py up`, and by the tests.
READ_ELSEWHERE = ("EVERGREEN_UP", "EVERGREEN_TEST_DATABASE", "EVERGREEN_MEMORY_TRACES")


class WrongSettings(ImproperlyConfigured):
    """`mistakes`: one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        count = "1 setting is" if len(mistakes) == 1 else f"{len(mistakes)} settings are"
        super().__init__("\n".join([f"{count} wrong, in the environment or in .env:", *(f"  {m}" for m in mistakes)]))
        self.mistakes = mistakes


def describe(model: type[BaseModel], mistake: Mapping[str, Any]) -> str:
    """One line for one error of pydantic."""
    name, value = str(mistake["loc"][0]), str(mistake["input"])
    shown = "wrong (its value is not shown)" if name in SECRET else repr(without_secrets(value))
    return f"{name} is {shown}. Allowed: {describe_allowed(model, name, mistake)}."


def describe_allowed(model: type[BaseModel], name: str, mistake: Mapping[str, Any]) -> str:
    field = model.model_fields[name]
    context = mistake.get("ctx", {})
    if mistake["type"] == "value_error":
        return str(context["error"]).rstrip(".")
    if mistake["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if mistake["type"] == "bool_parsing":
        return "true or false"
    low = next(bound.ge for bound in field.metadata if hasattr(bound, "ge"))
    high = next(bound.le for bound in field.metadata if hasattr(bound, "le"))
    return f"{'a whole number' if field.annotation is int else 'a number'} from {low} to {high}"


def without_secrets(text: str) -> str:
    """URLs without logins and queries, shortened. Blanks separate several."""
    shown = " ".join(map(without_login, text.split(" ")))
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}…"


def without_login(url: str) -> str:
    """Hides all text that may be a password: before an @, after a colon if it is no port, and in a query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    _login, at, server = rest.rpartition("@")
    hidden = NO_PORT.sub(":***", server.partition("?")[0])
    return f"{scheme}{separator}{'***@' if at else ''}{hidden}{'?***' if '?' in server else ''}"


def unknown_settings(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A warning for each EVERGREEN_* that is no setting, with the nearest name."""
    known = list(known)
    warnings = []
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in known and name not in READ_ELSEWHERE:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            warnings.append(
                f"{name} is no setting and has no effect. The nearest name is {nearest[0]}; .env.example lists all."
            )
    return warnings
