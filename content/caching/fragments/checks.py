"""What `manage.py check` says of fragments in templates."""

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
    """Of templates in files: that no fragment shows one reader what is another's."""
    return [message for name, node in _fragments() for message in _check_fragment(name, node)]


def _check_fragment(template: str, node: FragmentNode) -> Iterator[CheckMessage]:
    if "csrf_token" in node.personal:
        yield Error(
            f"The fragment {node.name!r} in {template} keeps a form's token: other readers would be given it.",
            hint="Put the form outside of the fragment.",
            id="caching.E006",
        )
    if personal := node.personal - {"csrf_token"}:
        yield Warning(
            f"The fragment {node.name!r} in {template} names {', '.join(sorted(personal))} and does not vary on it.",
            hint="What one reader is shown, others would be: name it, as user.pk, behind the fragment's name.",
            id="caching.W007",
        )


def _fragments() -> Iterator[tuple[str, FragmentNode]]:
    for folder, engine in folders():
        for path in sorted(folder.rglob("*")):
            for node in nodes_of(path, engine):
                yield path.relative_to(folder).as_posix(), node


def folders() -> Iterator[tuple[Path, Any]]:
    try:
        backends = engines.all()
    except InvalidTemplateEngineError:  # which checks of Django's own tell
        return
    for backend in backends:
        if isinstance(backend, DjangoTemplates):
            for folder in backend.template_dirs:
                yield Path(folder), backend.engine


def nodes_of(path: Path, engine: Any) -> list[FragmentNode]:
    """Those of a template that cannot be read, or compiled, are for whoever renders it to tell."""
    try:
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        if "endfragment" not in source:
            return []
        nodes: Any = Template(source, engine=engine).nodelist
        return list(nodes.get_nodes_by_type(FragmentNode))
    except (OSError, UnicodeDecodeError, TemplateSyntaxError):
        return []
