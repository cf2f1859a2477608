"""The edge: a standard shared HTTP cache inside the server's process, in front of any ASGI application."""

from content.caching.edge.cache import EdgeCache
from content.caching.edge.cache_page import cache_page
from content.caching.edge.page import Page
from content.caching.edge.profile import SHARED_CACHE, Profile
from content.caching.edge.request import Request

__all__ = ["SHARED_CACHE", "EdgeCache", "Page", "Profile", "Request", "cache_page"]
