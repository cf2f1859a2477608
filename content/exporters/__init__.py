"""The site as files: Markdown with front matter, YAML for what stands beside posts, media as they are."""

from content.exporters.errors import CannotExport
from content.exporters.export import export_content
from content.exporters.report import ExportReport

__all__ = ["CannotExport", "ExportReport", "export_content"]
