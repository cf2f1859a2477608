"""Content from elsewhere: folders of Markdown, exports of WordPress, and exports of this service."""

from content.importers.markdown_folder import import_folder
from content.importers.report import BadFile, ImportReport

__all__ = ["BadFile", "ImportReport", "import_folder"]
