"""Exports of a site of ours, taken back unchanged."""

from content.importers.exports.restore import import_export, is_export

__all__ = ["import_export", "is_export"]
