from urllib.parse import urlsplit


def check_base_url(url: str) -> str:
    """`https://example.org`: a scheme and a host, and no path. Raises ValueError."""
    try:
        parts = urlsplit(url)
        is_root = parts.scheme in ("http", "https") and parts.hostname and url == f"{parts.scheme}://{parts.netloc}"
        parts.port  # noqa: B018 - raises ValueError if it is no port
    except ValueError:
        is_root = False
    if not is_root or "@" in url:
        raise ValueError("a scheme and a host, as https://example.org, without a path and without a slash at the end")
    return url
