"""Images ready to be served: bounded before anything is decoded, without metadata, the right way up."""

from content.images.clean import CleanImage, clean_file, clean_image
from content.images.formats import LARGEST_IMAGE, MAX_PIXELS, BadImage

__all__ = ["LARGEST_IMAGE", "MAX_PIXELS", "BadImage", "CleanImage", "clean_file", "clean_image"]
