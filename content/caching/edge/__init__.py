"""The edge: a standard shared HTTP cache inside the server's process, in front of any ASGI application."""

from .cache import EdgeCache
from .cache_page import cache_page
from .page import Page
from .profile import SHARED_CACHE, Profile
from .request import Request

__all__ = ["SHARED_CACHE", "EdgeCache", "Page", "Profile", "Request", "cache_page"]
