"""The source of the posts in a folder: a known one, wherever it is now, or another one of the same name."""

from dataclasses import dataclass
from pathlib import Path

from content.importers.files import IMPORTER_VERSION, OLD_VERSIONS, SourceFile, escape_name, hash_source
from content.importers.report import BadFile
from content.models import ImportSource, Post

LONGEST_NAME = 150
MOST_NAMES = 1000


@dataclass(frozen=True)
class Source:
    """`name` begins the source paths of its posts. `warning` is empty if that is the name of the folder."""

    name: str
    warning: str = ""


def identify_source(root: Path, files: list[SourceFile], given: str = "") -> Source:
    """The source of this folder, recorded with its location.

    At its known location it is the same source if a quarter of the files of its posts are still there. At another
    location it is the same if half of them are there unchanged. Otherwise it gets a name with a number.
    `given` overrides all that. Raises BadFile for an invalid name.
    """
    if "/" in given or len(given) > LONGEST_NAME:
        raise BadFile(f"{given[:80]!r} names no source: it has no slash, and {LONGEST_NAME} characters at most.")
    root = root.resolve()
    location, own_name = escape_name(str(root))[:4096], escape_name(root.name)[:LONGEST_NAME] or "folder"
    name, warning = given or find_at_location(location, files), ""
    if not name:
        name = choose_name(own_name, files)
        if name != own_name:
            warning = (
                f"Posts of another folder are known as {own_name}: this folder is {name}, and overwrites none of "
                f"them. If it is the same site, import it with --source {own_name}."
            )
    ImportSource.objects.update_or_create(name=name, defaults={"location": location})
    return Source(name, warning)


def find_at_location(location: str, files: list[SourceFile]) -> str:
    """The source that was imported from this location, or an empty text."""
    for name in ImportSource.objects.filter(location=location).order_by("pk").values_list("name", flat=True):
        known, here = load_hashes(name), {file.name_in(name) for file in files}
        if len(known.keys() & here) * 4 >= len(known):
            return name
    return ""


def choose_name(wanted: str, files: list[SourceFile]) -> str:
    for number in range(1, MOST_NAMES):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if is_same_source(name, files):
            return name
    raise BadFile(f"There are {MOST_NAMES:,} other sources named {wanted}.")


def is_same_source(name: str, files: list[SourceFile]) -> bool:
    """Whether no post has this source, or the files of half of its posts are here unchanged."""
    known, here = load_hashes(name), {file.name_in(name): file for file in files}
    same = sum(path in here and is_unchanged(here[path], digest) for path, digest in known.items())
    return same * 2 >= len(known)


def load_hashes(name: str) -> dict[str, str]:
    """The hashes of the posts of a source that is a folder, by source path."""
    posts = Post.objects.filter(source_path__startswith=f"{name}/").exclude(source_path__contains="/?p=")
    return dict(posts.values_list("source_path", "source_hash"))


def is_unchanged(file: SourceFile, digest: str) -> bool:
    """Whether the file's own bytes are unchanged. A post that depends on other files counts as changed."""
    try:
        content = file.read()
    except BadFile:
        return False
    return digest in {hash_source(content, version=version) for version in (IMPORTER_VERSION, *OLD_VERSIONS)}
