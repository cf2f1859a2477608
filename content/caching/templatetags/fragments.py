"""`{% load fragments %}`"""

import hashlib
import re
from typing import Any

from django import template
from django.template.base import FilterExpression, Parser, Token, TokenType

from ..fragments.node import FragmentNode

register = template.Library()

OPTIONS = {"ttl", "stale", "error", "tags", "cache"}
OPTION = re.compile(r"(\w+)=(.+)", re.DOTALL)
LITERAL = re.compile(r"""(["'])([\w.-]+)\1""")
# What the context processors and middleware know of a reader.
PERSONAL = re.compile(r"\b(request|user|perms|messages|csrf_token|LANGUAGE_CODE)\b")

CODE = (TokenType.VAR, TokenType.BLOCK)
BLOCK = re.compile(r"block(\s|\.super)")


@register.tag
def fragment(parser: Parser, token: Token) -> FragmentNode:
    """Keep what stands between this and `{% endfragment %}`.

    {% fragment "sidebar" user.pk LANGUAGE_CODE ttl=300 stale=600 tags="terms posts" %}

    The name is a literal; the values behind it are what it varies on. `ttl`, `stale` and `error` are seconds (or
    timedeltas), `tags` a list or words, `cache` an alias.
    """
    _, *bits = token.split_contents()
    name = LITERAL.fullmatch(bits[0]) if bits else None
    if name is None:
        raise template.TemplateSyntaxError("A fragment begins with its name in quotes: letters, digits, . - and _.")
    values: list[FilterExpression] = []
    options: dict[str, FilterExpression] = {}
    for bit in bits[1:]:
        option = OPTION.fullmatch(bit)
        if option is None:
            values.append(parser.compile_filter(bit))
        else:
            options[option[1]] = parser.compile_filter(option[2])
    if unknown := set(options) - OPTIONS:
        raise template.TemplateSyntaxError(f"A fragment has no {', '.join(sorted(unknown))}; {sorted(OPTIONS)}.")
    if "ttl" not in options:
        raise template.TemplateSyntaxError(f"The fragment {name[2]!r} needs a ttl: for how many seconds it is fresh.")
    waiting: list[Any] = list(parser.tokens)
    nodelist = parser.parse(("endfragment",))
    inside = waiting[len(parser.tokens) :]
    parser.delete_first_token()
    if any(BLOCK.match(each.contents) for each in inside if each.token_type in CODE):
        raise template.TemplateSyntaxError(
            f"The fragment {name[2]!r} has a block in it, which other templates fill: it belongs into the block."
        )
    # What was edited has other keys: no reader is shown the old words by the old entry.
    version = hashlib.sha256("\0".join(each.contents for each in reversed(inside)).encode()).hexdigest()[:8]
    return FragmentNode(
        name[2], values, options, nodelist, version, _personal_names(inside) - _personal_names_in(bits)
    )


def _personal_names(tokens: list[Token]) -> frozenset[str]:
    code = (token.contents for token in tokens if token.token_type in CODE)
    return frozenset(word for text in code for word in PERSONAL.findall(text))


def _personal_names_in(bits: list[str]) -> frozenset[str]:
    return frozenset(word for bit in bits for word in PERSONAL.findall(bit))
