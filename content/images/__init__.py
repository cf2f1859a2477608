"""Images made ready to be served: bounded before anything is decoded, without metadata, the right way up."""

from content.images.cleaning import CleanImage, clean_file, clean_image
from content.images.parts import LARGEST_IMAGE, MOST_PIXELS, BadImage

__all__ = ["LARGEST_IMAGE", "MOST_PIXELS", "BadImage", "CleanImage", "clean_file", "clean_image"]
