"""The rules of Hugo: cascades, and build options."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from content.importers.front_matter import Matter, is_no, list_mappings, normalize_name, to_mapping

CONFIGS = (
    "hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config.toml", "config.yaml", "config.yml", "config.json",
)  # fmt: skip


def apply_cascade(values: Matter, relative: Path) -> Iterator[Matter]:
    """The values themselves, and those of their cascade that are for this file or may be."""
    own = {name: value for name, value in values.items() if name != "cascade"}
    if own:
        yield own
    for each in list_mappings(values.get("cascade")):
        target = to_mapping(each.get("_target") or each.get("target"))
        kind, path = str(target.get("kind", "page")), target.get("path")
        if "page" not in kind and "*" not in kind:
            continue
        if not isinstance(path, str) or "{" in path or is_below(path, relative):
            yield {name: value for name, value in each.items() if name not in ("_target", "target")}


def is_below(pattern: str, relative: Path) -> bool:
    """Hugo's paths begin at its content folder, which may be this folder or one above or below it."""
    parts = relative.with_suffix("").as_posix().split("/")
    wanted = pattern.strip("/").casefold()
    return any(fnmatchcase("/".join(parts[start:]).casefold(), wanted) for start in range(len(parts)))


def withholding_options(build: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """The options of `build` that keep a file from being published; a page needs no list."""
    if not isinstance(build, dict):
        if is_no(build) and build is not None:
            yield "", build
        return
    options = {normalize_name(name): value for name, value in build.items()}
    for name in ("render", "list") if kind == "post" else ("render",):
        if options.get(name, True) not in (True, "always", "true"):
            yield f".{name}", options[name]
