"""An export of this service is restored unchanged."""

from content.importers.evergreen.restore import import_export

__all__ = ["import_export"]
