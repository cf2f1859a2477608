"""A WordPress export (WXR 1.0 to 1.2): its posts, pages, comments and, if wanted, its media."""

from content.importers.wordpress.fetching import fetcher
from content.importers.wordpress.records import BadExport
from content.importers.wordpress.run import import_wordpress

__all__ = ["BadExport", "fetcher", "import_wordpress"]
