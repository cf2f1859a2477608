"""The schema of a resource: a digest of the type of its values, and of the functions that give their tags and times.

Keys carry it, so a release never reads a document of another shape, nor one with the tags of another rule (I18). It
is the same in every process and on every version of Python, unless a function has no source text.
"""

import linecache
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import partial
from inspect import unwrap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from .release import digest_of

_PLAIN = (str, int, float, bool, bytes, type(None))


def schema_of(value_type: Any, functions: Iterable[Any], *declared: Any) -> str:
    """8 characters. `functions`: None for one that is not declared. `declared`: other plain values."""
    parts = [describe_type(value_type), *map(repr, declared)]
    for function in functions:
        parts.append("\n".join(_describe_function(function, set())) if function is not None else "-")
    return digest_of("\0".join(parts))


# --- types --------------------------------------------------------------------------------------------


def describe_type(value_type: Any) -> str:
    """The type as text: fields with their types and defaults, also those inside. Names of classes are left out."""
    return _describe(inspect.type_info(value_type), ())


def _describe(part: Any, inside: tuple[Any, ...]) -> str:
    """`inside`: the classes around it, the outermost first, by whose distance a recursive type is named."""
    match part:
        case inspect.UnionType():
            return f"union({','.join(sorted(_describe(each, inside) for each in part.types))})"
        case inspect.StructType() | inspect.DataclassType() | inspect.NamedTupleType() | inspect.TypedDictType():
            if part.cls in inside:
                return f"^{len(inside) - inside.index(part.cls)}"
            return _describe_members(part, (*inside, part.cls))
        case inspect.EnumType():
            return f"enum({','.join(f'{each.name}={_describe_value(each.value)}' for each in part.cls)})"
        case inspect.CustomType():
            return f"custom({_name_of(part.cls)})"
        case inspect.Type() | inspect.Field():
            return _describe_members(part, inside)
        case tuple():
            return f"({','.join(_describe(each, inside) for each in part)})"
    return _describe_value(part)


def _describe_members(part: msgspec.Struct, inside: tuple[Any, ...]) -> str:
    members = ((name, getattr(part, name)) for name in part.__struct_fields__ if name != "cls")
    described = (f"{name}={_describe(member, inside)}" for name, member in members if member is not None)
    return f"{type(part).__name__}({','.join(described)})"


def _describe_value(value: Any) -> str:
    """A default as text. An object whose text may differ by process is named by its type."""
    if value is NODEFAULT:
        return "-"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if type(value) in _PLAIN:
        return repr(value)
    if isinstance(value, tuple | list):
        return f"({','.join(map(_describe_value, value))})"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(_describe_value, value)))}}}"
    if isinstance(value, msgspec.Struct):
        return f"{type(value).__name__}({','.join(map(_describe_value, msgspec.structs.astuple(value)))})"
    return _name_of(value if callable(value) else type(value))


def _name_of(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


# --- functions ------------------------------------------------------------------------------------------


def _describe_function(function: Any, seen: set[CodeType]) -> Iterator[str]:
    """Its source text, its defaults, and the same of each function of its own package that it names."""
    while isinstance(function := unwrap(function), partial):
        given = (each for pair in sorted(function.keywords.items()) for each in pair)
        yield _describe_value((*function.args, *given))
        function = function.func
    if isinstance(function, MethodType):
        function = function.__func__
    elif not hasattr(function, "__qualname__"):
        function = type(function).__call__
    if not isinstance(function, FunctionType):
        yield _name_of(function)
        return
    code = function.__code__
    if code in seen:
        return
    seen.add(code)
    yield _source_of(code) or _describe_code(code)
    yield _describe_value((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()))
    for name, value in _named_values(function, code):
        if isinstance(value, FunctionType):
            yield from _describe_function(value, seen)
        else:
            yield f"{name}={_describe_value(value)}"


def _named_values(function: FunctionType, code: CodeType) -> Iterator[tuple[str, Any]]:
    """Functions of the same package and constants that the text names: they decide the result as well.

    Numbers of the enclosing function are left out: they may be counters.
    """
    names, package = sorted(_names_in(code)), _package_of(function)
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == package:
            members = vars(value)
            yield from _relevant(((each, members[each]) for each in names if each in members), package)
        else:
            yield from _relevant([(name, value)], package)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        if isinstance(value, str) or (isinstance(value, FunctionType) and _package_of(value) == package):
            yield name, value


def _relevant(values: Iterable[tuple[str, Any]], package: str) -> Iterator[tuple[str, Any]]:
    for name, value in values:
        is_constant = name.isupper() and isinstance(value, (*_PLAIN, tuple, frozenset)) and value is not None
        if is_constant or (isinstance(value, FunctionType) and _package_of(value) == package):
            yield name, value


def _package_of(function: FunctionType) -> str:
    return (function.__module__ or "").partition(".")[0]


def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            names |= _names_in(each)
    return names


def _describe_code(code: CodeType) -> str:
    """Names and constants of a function without source text. Versions of Python may differ in them."""
    constants = (
        _describe_code(each) if isinstance(each, CodeType) else _describe_value(each) for each in code.co_consts
    )
    return f"code({','.join(sorted(_names_in(code)))};{','.join(sorted(constants))};{code.co_varnames})"


def _source_of(code: CodeType) -> str:
    """The whole lines of the function. Empty if there is no source.

    `inspect.getsource` takes longer, and finds other ends of a lambda on other versions of Python.
    """
    lines = linecache.getlines(code.co_filename)
    return "".join(lines[code.co_firstlineno - 1 : _last_line(code)])


def _last_line(code: CodeType) -> int:
    inside = (_last_line(each) for each in code.co_consts if isinstance(each, CodeType))
    own = (end for _, end, _, _ in code.co_positions() if end is not None)
    return max((code.co_firstlineno, *own, *inside))
