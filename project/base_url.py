from urllib.parse import urlsplit

from environs import ValidationError


def check_base_url(url: str) -> None:
    """Nothing, or `https://example.org`: a scheme and a host, and no path."""
    try:
        parts = urlsplit(url)
        is_root = parts.scheme in ("http", "https") and parts.hostname and url == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        is_root = False
    if url and (not is_root or "@" in url):
        raise ValidationError(f"{url!r} is not of the form https://example.org, without a path or a slash behind it.")


def check_origins(urls: list[str]) -> None:
    for url in urls:
        check_base_url(url)
