"""Things shown in frames elsewhere become links: readers' pages load nothing from other hosts."""

import re

PLACES = {
    "youtube": ("https://www.youtube.com/watch?v=", "Video"),
    "vimeo": ("https://vimeo.com/", "Video"),
    "gist": ("https://gist.github.com/", "Code on GitHub"),
    "instagram": ("https://www.instagram.com/p/", "Picture on Instagram"),
    "twitter": ("https://twitter.com/i/status/", "Post on Twitter"),
    "tweet": ("https://twitter.com/i/status/", "Post on Twitter"),
    "x": ("https://twitter.com/i/status/", "Post on X"),
}
FRAME = re.compile(r"^(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+)")
VIMEO_FRAME = re.compile(r"^(?:https?:)?//player\.vimeo\.com/video/(\d+)")


def watchable(url: str) -> str:
    """The page of what a frame's address shows."""
    if match := FRAME.match(url):
        return PLACES["youtube"][0] + match[1]
    if match := VIMEO_FRAME.match(url):
        return PLACES["vimeo"][0] + match[1]
    return f"https:{url}" if url.startswith("//") else url


def place_of(name: str, key: str) -> tuple[str, str]:
    """Address and label of what a shortcode names by its key; the key may be an address itself."""
    prefix, label = PLACES[name]
    return (watchable(key) if "//" in key else prefix + key.strip("/")), label
