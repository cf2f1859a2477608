from urllib.parse import urlsplit

from content.cdn.cdn import Cdn
from content.cdn.cloudflare import Cloudflare
from content.cdn.fastly import Fastly
from content.cdn.varnish import Varnish


def opened(url: str, token: str) -> Cdn:
    """The CDN of that URL, for the event loop that is to use it."""
    parts = urlsplit(url)
    match parts.scheme:
        case "varnish":
            return Varnish(parts.netloc.split(","))
        case "fastly":
            return Fastly(parts.netloc, token)
        case "cloudflare":
            return Cloudflare(parts.netloc, token)
    raise ValueError(f"no CDN is called {parts.scheme!r}")
