"""`{% load fragments %}`: the tag and its node.

The node renders to a placeholder, or to the fragment outside of `render`.
"""

import copy
import hashlib
import logging
import re
from asyncio import _get_running_loop
from typing import Any

from django.template import Context, Library, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, TokenType

from .. import fragments
from ..fragments.reads import OPTIONS, Ambience, Arguments, FragmentReads, PrivateFragment, names_in_key
from ..fragments.rendering import current_placeholders, fragment_key, load_fragment, lookup_fragment
from ..key import EntryKey
from ..request_reads import ambient_key
from ..transactions import is_bypassed

logger = logging.getLogger("content.caching")

register = Library()

OPTION = re.compile(r"(\w+)=(.+)", re.DOTALL)
LITERAL = re.compile(r"""(["'])([\w.-]+)\1""")
# Variables in which context processors and middleware describe the reader.
PERSONAL = re.compile(r"\b(request|user|perms|messages|csrf_token|LANGUAGE_CODE)\b")

CODE = (TokenType.VAR, TokenType.BLOCK)
BLOCK = re.compile(r"block(\s|\.super)")

# Keys that one use of the tag remembers.
MAX_KNOWN_KEYS = 1000

warned: set[str] = set()


class FragmentNode(Node):
    """One use of the tag. `version`: digest of its body. `personal`: variables in it that depend on the reader."""

    child_nodelists = ("nodelist",)

    def __init__(
        self,
        name: str,
        arguments: Arguments,
        nodelist: NodeList,
        version: str,
        personal: frozenset[str],
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.nodelist = nodelist
        self.version = version
        self.personal = personal
        self._known_keys: dict[tuple[Any, ...], EntryKey] = {}

    def render(self, context: Context) -> str:
        placeholders = current_placeholders.get()
        if placeholders is not None:
            source = FragmentSource(self, context)
            source.keep()
            return placeholders.add(self._entry_key(context, source))
        if is_bypassed():
            return self.nodelist.render(context)
        if _get_running_loop() is not None:
            self._warn_once()
            return self.nodelist.render(context)
        if self.arguments.has_literal_options:
            text = self._lookup_known(context)
            if text is not None:
                return text
        source = FragmentSource(self, context)
        return load_fragment(self._entry_key(context, source), source)

    def _lookup_known(self, context: Context) -> str | None:
        """The text, if this node was rendered with these values before and memory has the fragment, fresh."""
        parameters = self._parameters(context)
        for parameter in parameters:
            # Equal values of other types may have other keys (1 == True).
            if type(parameter) is not str and type(parameter) is not int:
                return None
        entry_key = self._known_keys.get(parameters)
        if entry_key is None:
            if len(self._known_keys) >= MAX_KNOWN_KEYS:
                self._known_keys.clear()
            policy, tags, alias = self.arguments.resolve_options(context)
            self._known_keys[parameters] = fragment_key(self.name, parameters, policy, tags, alias, None)
            return None
        return lookup_fragment(entry_key)

    def _entry_key(self, context: Context, source: "FragmentSource") -> EntryKey:
        policy, tags, alias = self.arguments.resolve_options(context)
        return fragment_key(self.name, self._parameters(context), policy, tags, alias, source)

    def _parameters(self, context: Context) -> tuple[Any, ...]:
        ambient, values = ambient_key(), self.arguments.resolve_values(context)
        return (self.version, *values, ambient) if ambient else (self.version, *values)

    def names_in_key(self, context: Context) -> set[str]:
        """The reads that the values of this fragment tell apart."""
        named: set[str] = set()
        for expression in self.arguments.values:
            reads = FragmentReads(_copy_context(context))
            with reads.watch() as seen:
                self.arguments.resolve_value(expression, reads.context)
            named |= names_in_key(expression, seen)
        return named

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
        name[2],
        Arguments(name[2], values, options),
        nodelist,
        version,
        _personal_names(inside) - _personal_names_in(bits),
    )


def _personal_names(tokens: list[Token]) -> frozenset[str]:
    code = (token.contents for token in tokens if token.token_type in CODE)
    return frozenset(word for text in code for word in PERSONAL.findall(text))


def _personal_names_in(bits: list[str]) -> frozenset[str]:
    return frozenset(word for bit in bits for word in PERSONAL.findall(bit))
