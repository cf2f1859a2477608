"""`{% load fragments %}`: the tag and its node.

The node renders to a placeholder, or to the fragment outside of `render`.
"""

import asyncio
import copy
import hashlib
import logging
import re
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.template import Context, Library, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, TokenType, Variable
from django.utils.functional import Promise

from .. import fragments
from ..duration import duration
from ..fragments.reads import Ambience, FragmentReads, PrivateFragment, names_in_key
from ..fragments.rendering import current_placeholders, fragment_key, load_fragment
from ..key import EntryKey, check_tags, encode_parameter
from ..policy import Policy
from ..request_reads import ambient_key
from ..transactions import is_bypassed

logger = logging.getLogger("content.caching")

register = Library()

OPTIONS = {"ttl", "stale", "error", "tags", "cache"}
OPTION = re.compile(r"(\w+)=(.+)", re.DOTALL)
LITERAL = re.compile(r"""(["'])([\w.-]+)\1""")
# Variables in which context processors and middleware describe the reader.
PERSONAL = re.compile(r"\b(request|user|perms|messages|csrf_token|LANGUAGE_CODE)\b")

CODE = (TokenType.VAR, TokenType.BLOCK)
BLOCK = re.compile(r"block(\s|\.super)")

warned: set[str] = set()


class FragmentNode(Node):
    """One use of the tag. `version`: digest of its body. `personal`: variables in it that depend on the reader."""

    child_nodelists = ("nodelist",)

    def __init__(
        self,
        name: str,
        values: list[FilterExpression],
        options: dict[str, FilterExpression],
        nodelist: NodeList,
        version: str,
        personal: frozenset[str],
    ) -> None:
        self.name = name
        self.values = values
        self.options = options
        self.nodelist = nodelist
        self.version = version
        self.personal = personal

    def render(self, context: Context) -> str:
        placeholders = current_placeholders.get()
        if placeholders is not None:
            source = FragmentSource(self, context)
            source.keep()
            return placeholders.add(self._entry_key(context, source))
        if is_bypassed():
            return self.nodelist.render(context)
        if _is_on_event_loop():
            self._warn_once()
            return self.nodelist.render(context)
        source = FragmentSource(self, context)
        return load_fragment(self._entry_key(context, source), source)

    def _entry_key(self, context: Context, source: "FragmentSource") -> EntryKey:
        policy = _policy(*(self._seconds(option, context) for option in ("ttl", "stale", "error")))
        values = [self.version, *self._values_in(context)]
        if ambient := ambient_key():
            values.append(ambient)
        return fragment_key(self.name, values, policy, self._tags(context), self._alias(context), source)

    def _values_in(self, context: Context) -> list[Any]:
        return [self._value(expression, context) for expression in self.values]

    def names_in_key(self, context: Context) -> set[str]:
        """The reads that the values of this fragment tell apart."""
        named: set[str] = set()
        for expression in self.values:
            reads = FragmentReads(_copy_context(context))
            with reads.watch() as seen:
                self._value(expression, reads.context)
            named |= names_in_key(expression, seen)
        return named

    def _value(self, expression: FilterExpression, context: Context) -> Any:
        """A value to vary on. Raises VariableDoesNotExist for a missing variable: all readers would share one key."""
        if isinstance(expression.var, Variable):
            expression.var.resolve(context)
        value = expression.resolve(context)
        value = str(value) if isinstance(value, Promise) else value
        try:
            encode_parameter(value)
            hash(value)
        except TypeError as error:
            raise TemplateSyntaxError(
                f"The fragment {self.name!r} cannot vary on {value!r}: name its key, or another plain value."
            ) from error
        return value

    def _seconds(self, option: str, context: Context) -> timedelta:
        value = self.options[option].resolve(context) if option in self.options else 0
        try:
            return duration(value, f"The {option} of the fragment {self.name!r}")
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(str(error)) from error

    def _tags(self, context: Context) -> tuple[str, ...]:
        """A string is a list of words, as templates have no other literal."""
        value = self.options["tags"].resolve(context) if "tags" in self.options else ()
        try:
            return check_tags(value.split() if isinstance(value, str) else value)
        except (TypeError, ValueError) as error:
            raise TemplateSyntaxError(f"The fragment {self.name!r}: {error}") from error

    def _alias(self, context: Context) -> str:
        return str(self.options["cache"].resolve(context)) if "cache" in self.options else "default"

    def _warn_once(self) -> None:
        if self.name not in warned:
            warned.add(self.name)
            logger.warning(
                "The fragment %r is rendered each time: a synchronous template on an event loop cannot wait for a "
                "cache. Render its template with %s.render.",
                self.name,
                fragments.__name__,
            )


class FragmentSource:
    """The template and the context that a fragment is rendered from."""

    def __init__(self, node: FragmentNode, context: Context) -> None:
        self._node = node
        self._context = context
        self._ambience: Ambience | None = None
        self.key = ""

    def keep(self) -> None:
        """Copy the context before another thread renders: the template goes on and changes it."""
        if self._ambience is None:
            self._context, self._ambience = _copy_context(self._context), Ambience()

    def load(self, *values: Any) -> str:
        """Render the fragment, after `keep`. Raises PrivateFragment."""
        node, reads = self._node, FragmentReads(_copy_context(self._context))
        named = node.names_in_key(self._context)
        with self._ambience.activate(), reads.watch() as seen:  # type: ignore[union-attr]
            text = "".join([node.nodelist.render(reads.context)])
        if outside := seen - named:
            message = f"The fragment {node.name!r} reads {', '.join(sorted(outside))} and does not vary on it."
            raise PrivateFragment(self.key, text, message)
        return text


@lru_cache(maxsize=1000)
def _policy(ttl: timedelta, stale: timedelta, error: timedelta) -> Policy:
    return Policy(ttl=ttl, stale_ttl=stale, error_ttl=error)


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _copy_context(context: Context) -> Context:
    """Copy a template's context, since loops change it after this point."""
    copied_context = copy.copy(context)
    copied_context.dicts = [_copy_variables(each) for each in context.dicts]
    copied_context.render_context = copy.copy(context.render_context)
    copied_context.render_context.dicts = [copy.copy(each) for each in context.render_context.dicts]
    return copied_context


def _copy_variables(variables: Any) -> Any:
    """Copy a loop's counters too, since the loop changes their one mapping."""
    result = copy.copy(variables)
    if isinstance(result.get("forloop"), dict):
        result["forloop"] = dict(result["forloop"])
    return result


@register.tag
def fragment(parser: Parser, token: Token) -> FragmentNode:
    """Keep what stands between this and `{% endfragment %}`.

    {% fragment "sidebar" user.pk LANGUAGE_CODE ttl=300 stale=600 tags="terms posts" %}

    The name is a literal; the values behind it are what it varies on. `ttl`, `stale` and `error` are seconds, text
    such as "5m", or timedeltas, `tags` a list or words, `cache` an alias.
    """
    _, *bits = token.split_contents()
    name = LITERAL.fullmatch(bits[0]) if bits else None
    if name is None:
        raise TemplateSyntaxError("A fragment begins with its name in quotes: letters, digits, . - and _.")
    values: list[FilterExpression] = []
    options: dict[str, FilterExpression] = {}
    for bit in bits[1:]:
        option = OPTION.fullmatch(bit)
        if option is None:
            values.append(parser.compile_filter(bit))
        else:
            options[option[1]] = parser.compile_filter(option[2])
    if unknown := set(options) - OPTIONS:
        raise TemplateSyntaxError(f"A fragment has no {', '.join(sorted(unknown))}; {sorted(OPTIONS)}.")
    if "ttl" not in options:
        raise TemplateSyntaxError(f"The fragment {name[2]!r} needs a ttl: for how many seconds it is fresh.")
    waiting: list[Any] = list(parser.tokens)
    nodelist = parser.parse(("endfragment",))
    inside = waiting[len(parser.tokens) :]
    parser.delete_first_token()
    if any(BLOCK.match(each.contents) for each in inside if each.token_type in CODE):
        raise TemplateSyntaxError(
            f"The fragment {name[2]!r} has a block in it, which other templates fill: it belongs into the block."
        )
    # An edited body has another key, so no reader gets the old text from an old entry.
    version = hashlib.sha256("\0".join(each.contents for each in reversed(inside)).encode()).hexdigest()[:8]
    return FragmentNode(
        name[2], values, options, nodelist, version, _personal_names(inside) - _personal_names_in(bits)
    )


def _personal_names(tokens: list[Token]) -> frozenset[str]:
    code = (token.contents for token in tokens if token.token_type in CODE)
    return frozenset(word for text in code for word in PERSONAL.findall(text))


def _personal_names_in(bits: list[str]) -> frozenset[str]:
    return frozenset(word for bit in bits for word in PERSONAL.findall(bit))
