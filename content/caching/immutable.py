"""Whether a value of a type can be shared as it is, because nobody can change it."""

from typing import Any

import msgspec
from msgspec import inspect

_PLAIN = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.LiteralType,
)


def is_immutable(kind: Any) -> bool:
    """True for plain values, tuples and frozen structs of such; False for lists, mappings, and what is unknown."""
    return _all_immutable(inspect.type_info(kind), frozenset())


def _all_immutable(info: inspect.Type, inside: frozenset[Any]) -> bool:
    match info:
        case inspect.UnionType():
            return all(_all_immutable(each, inside) for each in info.types)
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return _all_immutable(info.item_type, inside)
        case inspect.TupleType():
            return all(_all_immutable(each, inside) for each in info.item_types)
        case inspect.StructType():
            if info.cls in inside:
                return True
            config: Any = getattr(info.cls, "__struct_config__", None)
            frozen = isinstance(config, msgspec.structs.StructConfig) and config.frozen
            return frozen and all(_all_immutable(field.type, inside | {info.cls}) for field in info.fields)
    return isinstance(info, _PLAIN)
