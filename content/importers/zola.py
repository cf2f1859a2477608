"""The rules of Zola: taxonomies, and sections that are drafts."""

from content.importers.front_matter import Matter, is_true

CONFIGS = ("config.toml",)


def flatten_taxonomies(matter: Matter) -> Matter:
    """Tags and categories as fields of their own. A field that the file has itself has priority."""
    taxonomies = matter.get("taxonomies")
    return (taxonomies if isinstance(taxonomies, dict) else {}) | matter


def section_values(matter: Matter) -> Matter:
    """The values that a section gives to its posts. `matter` has names in lower case."""
    return {"draft": True} if is_true(matter.get("draft")) else {}
