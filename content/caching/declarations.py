"""Declarations: every resource by its name, the caches that store entries, and the checks of declared functions."""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast, get_type_hints

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from .errors import LoadError, short_repr
from .key import EntryKey, Parameters
from .policy import Policy

logger = logging.getLogger("content.caching")

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_function(function: Any, what: str, example: str) -> None:
    """Raise TypeError for what cannot be called. `what` names it, such as "Resource 'price': tags"."""
    if not callable(function):
        raise TypeError(f"{what} is {short_repr(function)}, and must be a function. Write {example}.")


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
    """The type that stored values are decoded to. Raises LoadError for a loader without a return annotation."""
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


# Characters, of a key's 250 in Memcached.
_MAX_NAME_LENGTH = 100
_EXAMPLES = {
    "load_many": "`load_many=load_prices`",
    "tags": "`tags=lambda sku: [f'product:{sku}']`",
    "value_tags": "`value_tags=lambda price: [f'shop:{price.shop}']`",
    "adapt": "`adapt=lambda price, policy: policy.until(price.ends)`",
}


class Declared(Protocol):
    """A resource, as far as those need it that know its name alone."""

    name: str
    cache: str
    load: Callable[..., Any]
    cutoff: bool
    # The number of its parameters.
    arity: int

    @property
    def schema(self) -> str: ...

    async def get(self) -> Any: ...

    def entry_key(self, args: Parameters, kwargs: Mapping[str, Any]) -> EntryKey: ...


resources: dict[str, Declared] = {}
# Names that two loaders have: each would be given the other's values. `manage.py check` reports them.
duplicate_names: dict[str, tuple[str, str]] = {}
# Aliases that views and fragments choose themselves.
page_aliases: set[str] = set()
# The alias of each edge of this process; None for one that has memory only.
edge_caches: set[str | None] = set()
# The beginnings of keys that are of no resource here: of pages and fragments.
kinds: set[str] = set()
# Views whose pages only an edge can store.
edge_views: set[str] = set()


def check_declaration(name: Any, policy: Any, load: Any, *others: Any) -> None:
    """Raise TypeError or ValueError for what would fail, or work wrongly, at the first read."""
    if not isinstance(name, str):
        raise TypeError(
            f"A resource's name is {short_repr(name)}, and must be text. Write Resource('price', load=...)."
        )
    if not name or len(name) > _MAX_NAME_LENGTH:
        raise ValueError(f"A resource's name has {len(name)} characters. Give it 1 to {_MAX_NAME_LENGTH}.")
    if not name.isprintable() or any(character.isspace() for character in name):
        raise ValueError(
            f"The resource's name {name!r} has spaces or control characters, which Memcached's keys cannot have. "
            "Use letters, digits, and . _ - : between words."
        )
    if not isinstance(policy, Policy):
        raise TypeError(
            f"Resource {name!r}: policy is {short_repr(policy)}, and must be a Policy. Write Policy(ttl='5m')."
        )
    check_function(load, f"Resource {name!r}: load", "`load=load_price`")
    for function, option in zip(others, ("load_many", "tags", "value_tags", "adapt"), strict=True):
        if function is not None:
            check_function(function, f"Resource {name!r}: {option}", _EXAMPLES[option])


def declare(resource: Declared) -> None:
    known = resources.get(resource.name)
    if known is not None and _is_another(known, resource) and resource.name not in duplicate_names:
        first, second = duplicate_names[resource.name] = (_location(known), _location(resource))
        logger.warning(
            "Two resources are named %r, of %s and %s: each is given the other's values. Give each its own name.",
            resource.name,
            first,
            second,
        )
    resources[resource.name] = resource


def aliases_in_use() -> set[str]:
    """The caches of resources, fragments, views and edges."""
    edges = {alias for alias in edge_caches if alias is not None}
    return {*edges, *page_aliases, *(resource.cache for resource in resources.values())}


def views_without_store() -> list[str]:
    """Views whose pages nothing stores: they rely on an edge, and this process has none."""
    return [] if edge_caches else sorted(edge_views)


def cache_aliases() -> set[str]:
    """Every cache in which something may be stored."""
    return {"default", *aliases_in_use()}


def _is_another(known: Declared, resource: Declared) -> bool:
    """Whether they have two loaders. A module that is imported again makes its loader anew, with new code."""
    if _location(known) != _location(resource):
        return True
    code = getattr(known.load, "__code__", None)
    # Two functions of the same code are made by one function that was called twice.
    return known.load is not resource.load and code is not None and code is getattr(resource.load, "__code__", None)


def _location(resource: Declared) -> str:
    load = resource.load
    while isinstance(load, functools.partial):
        load = load.func
    return f"{load.__module__}.{getattr(load, '__qualname__', type(load).__qualname__)}"
