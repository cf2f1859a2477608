"""Backups of the whole site: made, compared with their manifest, and restored. See docs/backups.md."""
