"""Template remnants: what Liquid, Nunjucks, Hugo and Zola left in a text, converted where it is known.

The rest is dropped and counted; a reader sees none of it. Code keeps its tags: posts about templates show them.
"""

from content.importers.remnants.cleaning import Cleaned, clean
from content.importers.remnants.people import person_name

__all__ = ["Cleaned", "clean", "person_name"]
