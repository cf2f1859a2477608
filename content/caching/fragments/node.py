"""What `{% fragment %}` renders to: a hole in the page, or the fragment itself where nobody fills holes."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Variable
from django.utils.functional import Promise

from ..key import EntryKey, encode_parameter
from ..policy import Policy
from ..request_reads import ambient_key
from ..transactions import has_written
from .fragment import fragment_key
from .page import current_page, load_fragments, render_with_fragments
from .reads import Ambience, FragmentReads, PrivateFragment, names_in_key
from .snapshot import snapshot

logger = logging.getLogger("content.caching")

warned: set[str] = set()


class FragmentNode(Node):
    """`version` is a digest of what stands in it, `personal` the names in it that differ from reader to reader."""

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
        page = current_page.get()
        if page is not None:
            return page.add_hole(self.entry_key(snapshot(context)))
        if has_written():
            return self.nodelist.render(context)
        if _is_on_event_loop():
            self._warn_once()
            return self.nodelist.render(context)
        [text] = async_to_sync(load_fragments)([self.entry_key(snapshot(context))])
        return text

    def entry_key(self, context: Context) -> EntryKey:
        ambience = Ambience()

        async def load(*values: Any) -> str:
            # In a thread: only what is missing is rendered, and that may ask the database or take its time.
            named = await sync_to_async(self.names_in_key)(context)
            reads = await sync_to_async(FragmentReads)(snapshot(context))
            with reads.watched() as seen:
                text = await render_with_fragments(lambda: sync_to_async(self.render_in)(reads.context, ambience))
            if outside := seen - named:
                message = f"The fragment {self.name!r} reads {', '.join(sorted(outside))} and does not vary on it."
                raise PrivateFragment(entry_key.key, text, message)
            return text

        ttl, stale, error = (self.seconds(option, context) for option in ("ttl", "stale", "error"))
        policy = Policy(ttl=ttl, stale_ttl=stale, error_ttl=error)
        values = [self.version, *self.values_in(context)]
        if ambient := ambient_key():
            values.append(ambient)
        entry_key = fragment_key(self.name, values, policy, self.tags(context), self.alias(context), load)
        return entry_key

    def values_in(self, context: Context) -> list[Any]:
        return [self.value(expression, context) for expression in self.values]

    def names_in_key(self, context: Context) -> set[str]:
        """The reads that the values of this fragment tell apart."""
        named: set[str] = set()
        for expression in self.values:
            reads = FragmentReads(snapshot(context))
            with reads.watched() as seen:
                self.value(expression, reads.context)
            named |= names_in_key(expression, seen)
        return named

    def render_in(self, context: Context, ambience: Ambience) -> str:
        with ambience.active():
            return self.nodelist.render(context)

    def value(self, expression: FilterExpression, context: Context) -> Any:
        """Raises VariableDoesNotExist for what is not there: one key for all readers would be worse than none."""
        if isinstance(expression.var, Variable):
            expression.var.resolve(context)
        value = expression.resolve(context)
        value = str(value) if isinstance(value, Promise) else value
        try:
            encode_parameter(value)
        except TypeError as error:
            raise TemplateSyntaxError(
                f"The fragment {self.name!r} cannot vary on {value!r}: name its key."
            ) from error
        return value

    def seconds(self, option: str, context: Context) -> timedelta:
        value = self.options[option].resolve(context) if option in self.options else 0
        return value if isinstance(value, timedelta) else timedelta(seconds=float(value))

    def tags(self, context: Context) -> list[str]:
        value = self.options["tags"].resolve(context) if "tags" in self.options else ()
        return value.split() if isinstance(value, str) else [str(tag) for tag in value]

    def alias(self, context: Context) -> str:
        return str(self.options["cache"].resolve(context)) if "cache" in self.options else "default"

    def _warn_once(self) -> None:
        if self.name not in warned:
            warned.add(self.name)
            logger.warning(
                "The fragment %r is rendered anew each time: on an event loop nobody can wait for a cache. "
                "Render its template with %s.render.",
                self.name,
                __package__,
            )


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
