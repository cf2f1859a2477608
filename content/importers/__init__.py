"""Content from elsewhere: a folder of Markdown as static site generators keep it."""

from content.importers.folder import import_folder
from content.importers.report import Failure, ImportReport

__all__ = ["Failure", "ImportReport", "import_folder"]
