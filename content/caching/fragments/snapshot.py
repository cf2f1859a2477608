"""A template's context as it is at one place, to be rendered with later."""

import copy
from typing import Any

from django.template import Context


def snapshot(context: Context) -> Context:
    """Loops go on behind that place, and change the one context that a template has."""
    copied_context = copy.copy(context)
    copied_context.dicts = [_copy_variables(each) for each in context.dicts]
    copied_context.render_context = copy.copy(context.render_context)
    copied_context.render_context.dicts = [copy.copy(each) for each in context.render_context.dicts]
    return copied_context


def _copy_variables(variables: Any) -> Any:
    """Of a loop's counters a copy as well: they are one mapping that the loop changes."""
    result = copy.copy(variables)
    if isinstance(result.get("forloop"), dict):
        result["forloop"] = dict(result["forloop"])
    return result
