"""Check the functions of a declaration, and call them with parameters by place."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast, get_type_hints

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from .errors import LoadError, shown

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_function(function: Any, what: str, example: str) -> None:
    """Raise TypeError for what cannot be called. `what` names it, such as "Resource 'price': tags"."""
    if not callable(function):
        raise TypeError(f"{what} is {shown(function)}, and must be a function. Write {example}.")


def loader_signature(load: Function, name: str) -> inspect.Signature:
    """The signature of a loader. Raises LoadError if it takes *args or **kwargs."""
    signature = inspect.signature(load)
    for parameter in signature.parameters.values():
        if parameter.kind in _VARIADIC:
            raise LoadError(
                f"Resource {name!r}: its loader {_name_of(load)} takes {parameter}, of which no key can be made. "
                "Name each parameter."
            )
    return signature


def return_type(load: Function, name: str) -> Any:
    """What values are decoded to. Raises LoadError for a loader that does not say it."""
    function = load
    while isinstance(function, functools.partial):
        function = function.func
    if not (inspect.isroutine(function) or hasattr(function, "__wrapped__")):
        function = type(function).__call__
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise LoadError(
            f"Resource {name!r}: an annotation of its loader {_name_of(load)} names {error.name}, which its module "
            "does not have at run time. Import it outside of `if TYPE_CHECKING`."
        ) from error
    if "return" not in hints:
        raise LoadError(
            f"Resource {name!r}: its loader {_name_of(load)} has no return annotation, and stored values are decoded "
            f"to that type. Write it, as in `async def {_name_of(load).rpartition('.')[2]}(...) -> Price:`."
        )
    return hints["return"]


def by_place(function: F, order: Sequence[str] | None = None) -> F:
    """The same function, or one that takes its keyword-only parameters by place as well.

    `order`: the names of all parameters in the order in which they are given; without it their own.
    """
    parameters = inspect.signature(function).parameters
    keywords = {name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
    if not keywords:
        return function
    names = tuple(parameters) if order is None else tuple(order)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names, args, strict=False))
        named = {name: value for name, value in given.items() if name in keywords}
        return function(*(value for name, value in given.items() if name not in keywords), **named, **kwargs)

    return cast(F, markcoroutinefunction(call) if iscoroutinefunction(function) else call)


def tags_by_place(tags: F, names: Sequence[str], resource: str) -> F:
    """The function of tags, called with the loader's parameters by place. Raises TypeError if it takes others."""
    try:
        signature = inspect.signature(tags)
    except ValueError:  # a builtin without one
        return tags
    keywords = {name for name, parameter in signature.parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
    given = dict.fromkeys(names)
    try:
        signature.bind(*(None for name in given if name not in keywords), **dict.fromkeys(keywords & set(given)))
    except TypeError as error:
        raise TypeError(
            f"Resource {resource!r}: tags cannot be called with the parameters of the loader ({', '.join(names)}): "
            f"{error}. Give it the same parameters."
        ) from None
    return by_place(tags, names)


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__qualname__", None) or type(function).__qualname__
