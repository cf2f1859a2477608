"""A WordPress export (WXR 1.0 to 1.2): its posts, pages, comments and, if wanted, its media."""

from content.importers.wordpress.fetcher import Fetcher
from content.importers.wordpress.importer import import_wordpress
from content.importers.wordpress.records import BadExport

__all__ = ["BadExport", "Fetcher", "import_wordpress"]
