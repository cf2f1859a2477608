"""Which source a folder is: one that is known, wherever it lies now, or another one of the same name."""

from dataclasses import dataclass
from pathlib import Path

from content.importers.errors import BadFile
from content.importers.source_file import IMPORTER_VERSION, OLD_VERSIONS, SourceFile, source_hash, text_of
from content.models import ImportSource, Post

LONGEST_NAME = 150
MOST_NAMES = 1000


@dataclass(frozen=True)
class Source:
    """`name` begins the source paths of its posts; `warning` is empty where it is the folder's own."""

    name: str
    warning: str = ""


def source_of(root: Path, files: list[SourceFile], given: str = "") -> Source:
    """The source that this folder is, recorded with its place.

    At the place where it lay it is the same one if a quarter of the files that posts came from are still in it. At
    another place it is the same one if half of the posts are in it unchanged. Otherwise it gets a name with a number.
    `given` overrides all that. Raises BadFile for a name that is none.
    """
    if "/" in given or len(given) > LONGEST_NAME:
        raise BadFile(f"{given[:80]!r} names no source: it has no slash, and {LONGEST_NAME} characters at most.")
    root = root.resolve()
    location, own = text_of(str(root))[:4096], text_of(root.name)[:LONGEST_NAME] or "folder"
    name, warning = given or known_name(location, files), ""
    if not name:
        name = free_name(own, files)
        if name != own:
            warning = (
                f"Posts of another folder are known as {own}: this folder is {name}, and overwrites none of them. "
                f"If it is the same site, import it with --source {own}."
            )
    ImportSource.objects.update_or_create(name=name, defaults={"location": location})
    return Source(name, warning)


def known_name(location: str, files: list[SourceFile]) -> str:
    """Empty where no source lay there, or another one did."""
    for name in ImportSource.objects.filter(location=location).order_by("pk").values_list("name", flat=True):
        known, here = known_hashes(name), {file.named(name) for file in files}
        if len(known.keys() & here) * 4 >= len(known):
            return name
    return ""


def free_name(wanted: str, files: list[SourceFile]) -> str:
    for number in range(1, MOST_NAMES):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if is_same_source(name, files):
            return name
    raise BadFile(f"There are {MOST_NAMES:,} other sources named {wanted}.")


def is_same_source(name: str, files: list[SourceFile]) -> bool:
    """Whether no post came from it, or half of those that came are here."""
    known, here = known_hashes(name), {file.named(name): file for file in files}
    same = sum(path in here and is_unchanged(here[path], digest) for path, digest in known.items())
    return same * 2 >= len(known)


def known_hashes(name: str) -> dict[str, str]:
    """The hashes of the posts that came from a folder of that name, by source path."""
    posts = Post.objects.filter(source_path__startswith=f"{name}/").exclude(source_path__contains="/?p=")
    return dict(posts.values_list("source_path", "source_hash"))


def is_unchanged(file: SourceFile, digest: str) -> bool:
    """By its own bytes; one whose post depends on other files too counts as changed."""
    try:
        content = file.read()
    except BadFile:
        return False
    return digest in {source_hash(content, version=version) for version in (IMPORTER_VERSION, *OLD_VERSIONS)}
