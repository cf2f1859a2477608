"""Template tags of Liquid, Nunjucks, Hugo and Zola in a text: converted if known, otherwise dropped and counted.

Tags in code stay: posts about templates show them.
"""

from content.importers.template_tags.cleaner import Converted, convert_template_tags
from content.importers.template_tags.converters import format_person, to_watch_url, write_fence

__all__ = ["Converted", "convert_template_tags", "format_person", "to_watch_url", "write_fence"]
