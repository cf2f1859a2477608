"""The CDN in front of the site. A worker follows the invalidation log and purges the tags of each record.

See docs/cdn.md.
"""
