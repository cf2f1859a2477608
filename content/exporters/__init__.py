"""The site as files: Markdown with front matter, YAML for the other tables, and media files as they are."""

from content.exporters.export import ExportReport, export_content
from content.exporters.folder import CannotExport

__all__ = ["CannotExport", "ExportReport", "export_content"]
