"""The arguments of one use of `{% fragment %}`: values to vary on, lifetimes, tags and cache.

Literals are resolved once. Errors are raised when the fragment is rendered.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.template import Context, TemplateSyntaxError
from django.template.base import FilterExpression
from django.utils.functional import Promise

from ..duration import duration
from ..key import check_tags, encode_parameter
from ..policy import Policy

OPTIONS = frozenset({"ttl", "stale", "error", "tags", "cache"})


class Arguments:
    """`values`: the fragment varies on them. `options`: by name, see OPTIONS."""

    def __init__(self, name: str, values: list[FilterExpression], options: dict[str, FilterExpression]) -> None:
        self._name = name
        self.values = values
        self._options = options
        # Whether all options are the same for every use.
        self.has_literal_options = all(map(_is_literal, options.values()))
        self._resolved: tuple[Policy, tuple[str, ...], str] | None = None

    def resolve_options(self, context: Context) -> tuple[Policy, tuple[str, ...], str]:
        """The policy, the tags and the cache alias. Raises TemplateSyntaxError."""
        if self._resolved is not None:
            return self._resolved
        policy = _policy(*(self._seconds(option, context) for option in ("ttl", "stale", "error")))
        resolved = policy, self._tags(context), self._alias(context)
        if self.has_literal_options:
            self._resolved = resolved
        return resolved

    def resolve_values(self, context: Context) -> list[Any]:
        """The values to vary on. Raises VariableDoesNotExist and TemplateSyntaxError."""
        return [self.resolve_value(expression, context) for expression in self.values]

    def resolve_value(self, expression: FilterExpression, context: Context) -> Any:
        """A value to vary on. Raises VariableDoesNotExist for a missing variable: all readers would share one key."""
        value = expression.var.resolve(context) if expression.is_var else expression.var
        if expression.filters:
            value = expression.resolve(context)
        if type(value) is str or type(value) is int:
            return value
        value = str(value) if isinstance(value, Promise) else value
        try:
            encode_parameter(value)
            hash(value)
        except TypeError as error:
            raise TemplateSyntaxError(
                f"The fragment {self._name!r} cannot vary on {value!r}: name its key, or another plain value."
            ) from error
        return value

    def _seconds(self, option: str, context: Context) -> timedelta:
        value = self._options[option].resolve(context) if option in self._options else 0
        try:
            return duration(value, f"The {option} of the fragment {self._name!r}")
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(str(error)) from error

    def _tags(self, context: Context) -> tuple[str, ...]:
        """A string is a list of words, as templates have no other literal."""
        value = self._options["tags"].resolve(context) if "tags" in self._options else ()
        try:
            return check_tags(value.split() if isinstance(value, str) else value)
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(f"The fragment {self._name!r}: {error}") from error

    def _alias(self, context: Context) -> str:
        return str(self._options["cache"].resolve(context)) if "cache" in self._options else "default"


def _is_literal(expression: FilterExpression) -> bool:
    """Text or a number that no filter changes and no language translates."""
    if expression.filters:
        return False
    literal = expression.var.literal if expression.is_var else expression.var
    return isinstance(literal, str | int | float) and not isinstance(literal, Promise)


@lru_cache(maxsize=1000)
def _policy(ttl: timedelta, stale: timedelta, error: timedelta) -> Policy:
    return Policy(ttl=ttl, stale_ttl=stale, error_ttl=error)
