"""Checks of fragments in templates, for `manage.py check`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.template import Template, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.utils import InvalidTemplateEngineError

from .node import FragmentNode


def register_checks() -> None:
    register(check_fragments, "templates")


def check_fragments(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that no fragment in a template file shows one reader's data to another."""
    return [message for name, node in _fragments() for message in _check_fragment(name, node)]


def _check_fragment(template: str, node: FragmentNode) -> Iterator[CheckMessage]:
    if "csrf_token" in node.personal:
        yield Error(
            f"The fragment {node.name!r} in {template} contains a form token, which other readers would get.",
            hint="Put the form outside of the fragment.",
            id="caching.E006",
        )
    if personal := node.personal - {"csrf_token"}:
        yield Warning(
            f"The fragment {node.name!r} in {template} names {', '.join(sorted(personal))} and does not vary on it.",
            hint="Other readers would see the same text. Add the value after the fragment's name, such as user.pk.",
            id="caching.W007",
        )


def _fragments() -> Iterator[tuple[str, FragmentNode]]:
    for folder, engine in _folders():
        for path in sorted(folder.rglob("*")):
            for node in _nodes_of(path, engine):
                yield path.relative_to(folder).as_posix(), node


def _folders() -> Iterator[tuple[Path, Any]]:
    try:
        backends = engines.all()
    except InvalidTemplateEngineError:  # Django's own checks report it
        return
    for backend in backends:
        if isinstance(backend, DjangoTemplates):
            for folder in backend.template_dirs:
                yield Path(folder), backend.engine


def _nodes_of(path: Path, engine: Any) -> list[FragmentNode]:
    """The fragments in a template file. None if it cannot be compiled: rendering reports the error."""
    try:
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        if "endfragment" not in source:
            return []
        nodes: Any = Template(source, engine=engine).nodelist
        return list(nodes.get_nodes_by_type(FragmentNode))
    except (OSError, UnicodeDecodeError, TemplateSyntaxError):
        return []
