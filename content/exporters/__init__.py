"""The site as files: Markdown with front matter, YAML for the other tables, and media files as they are."""

from content.exporters.export import CannotExport, ExportReport, export_content

__all__ = ["CannotExport", "ExportReport", "export_content"]
