"""Known template tags, and the Markdown or HTML that each becomes."""

import re
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import quote

from content.importers.markdown import Region
from content.importers.paths import resolve_post_path
from content.importers.template_tags.scanner import (
    QUOTED,
    Arguments,
    TemplateTag,
    parse_arguments,
    parse_image_arguments,
    unquote,
)

LITERAL = re.compile(rf"({QUOTED})\s*((?:\|.*)?)", re.DOTALL)
VARIABLE = re.compile(r"(?:page|post|data|section)?\.?([A-Za-z_][\w-]*)\s*(?:\|.*)?", re.DOTALL)
CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)(?:\s*\|.*)?", re.DOTALL)
SITE_ADDRESSES = {"site.baseurl", "site.url", "site.baseURL", "page.baseurl", "config.base_url", "baseurl"}
IMAGES = {"image", "img", "picture", "image_with_class", "responsive_image", "asset_image", "figure"}
HANDLE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# The address before the key, and the label of the link.
EMBEDS = {
    "youtube": ("https://www.youtube.com/watch?v=", "Video"),
    "vimeo": ("https://vimeo.com/", "Video"),
    "gist": ("https://gist.github.com/", "Code on GitHub"),
    "instagram": ("https://www.instagram.com/p/", "Picture on Instagram"),
    "twitter": ("https://twitter.com/i/status/", "Post on Twitter"),
    "tweet": ("https://twitter.com/i/status/", "Post on Twitter"),
    "x": ("https://twitter.com/i/status/", "Post on X"),
}
YOUTUBE_FRAME = re.compile(r"^(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+)")
VIMEO_FRAME = re.compile(r"^(?:https?:)?//player\.vimeo\.com/video/(\d+)")
MARKDOWN_MARKS = re.compile(r"([\\`*_\[\]<>&#|~])")
BRACES = re.compile(r"[{}](?=[{}%#])")


def convert_tag(tag: TemplateTag, region: Region, values: Mapping[str, str]) -> str | None:
    """None for an unknown tag. `values` are the plain values of the front matter."""
    match tag.kind:
        case "tag":
            return convert_liquid_tag(tag, region)
        case "value":
            return convert_value(tag.inside, region, values)
        case "shortcode":
            return convert_shortcode(tag.name, parse_arguments(tag.arguments), region)
    return None


def convert_liquid_tag(tag: TemplateTag, region: Region) -> str | None:
    text = tag.arguments
    if tag.name in IMAGES and "=" not in text.split('"')[0]:
        source, alt = parse_image_arguments(text, with_class=tag.name == "image_with_class")
        return write_image(source, alt, region)
    if tag.name in ("post_url", "link"):
        return write_address(resolve_post_path(unquote(text)))
    if tag.name == "include":
        arguments = parse_arguments(text)
        return convert_picture(arguments, region) if arguments.get("image", "src", "image_path") else None
    return convert_shortcode(tag.name, parse_arguments(text), region)


def convert_shortcode(name: str, arguments: Arguments, region: Region) -> str | None:
    if name in IMAGES:
        return convert_picture(arguments, region)
    if name in ("ref", "relref"):
        return write_address(resolve_post_path(arguments.first("path")))
    if name == "gist" and len(arguments.words) > 1:
        return write_link(*find_embed("gist", "/".join(arguments.words[:2])), region)
    if name in EMBEDS and (key := arguments.first("id", "key", "url", "video")):
        if arguments.get("user") and name in ("twitter", "tweet", "x"):
            key = f"https://twitter.com/{arguments.get('user')}/status/{key}"
        url, label = find_embed(name, key)
        return write_link(url, arguments.get("title") or label, region)
    return None


def convert_picture(arguments: Arguments, region: Region) -> str:
    source = arguments.get("src", "image", "path", "url", "image_path", "img")
    target = arguments.get("link", "href") or (arguments.get("url") if arguments.get("image", "src") else "")
    caption = arguments.get("caption", "attr") or arguments.get("title")
    words = [word for word in arguments.words if "." in word or "/" in word]
    return write_figure(source or (words[-1] if words else ""), arguments.get("alt"), caption, target, region)


def convert_value(inside: str, region: Region, values: Mapping[str, str]) -> str | None:
    if match := LITERAL.fullmatch(inside):
        return convert_literal(unquote(match[1]), match[2], region)
    if inside.split("|")[0].strip() in SITE_ADDRESSES:
        # {{ site.baseurl | append: "/path" }}
        appended = re.search(rf"\|\s*append:\s*({QUOTED})", inside)
        return write_address(unquote(appended[1])) if appended else ""
    if match := CALL.fullmatch(inside):
        name, arguments = match[1], parse_arguments(match[2])
        if name in ("get_url", "url_for", "resize_image"):
            return write_address(resolve_post_path(arguments.first("path", "filename")))
        return convert_shortcode(name, arguments, region)
    if (match := VARIABLE.fullmatch(inside)) and (known := values.get(match[1])):
        is_address = "url" in inside or re.fullmatch(r"(?:https?:/)?/\S+", known) is not None
        return write_address(known) if is_address else write_text(known, region)
    return None


def convert_literal(text: str, filters: str, region: Region) -> str:
    """A quoted text after its first known filter. Unknown filters are ignored."""
    for name in re.findall(r"\|\s*([A-Za-z_]\w*)", filters):
        if name in FILTERS:
            return FILTERS[name](text, filters, region)
    return write_code(text, region) if re.search(r"\{\{|\{%|\{#", text) else write_text(text, region)


def filter_embed(text: str, filters: str, region: Region) -> str:
    label = re.search(rf"embed:\s*({QUOTED})", filters)
    return write_link(to_watch_url(text), unquote(label[1]) if label else "", region)


def filter_address(text: str, filters: str, region: Region) -> str:
    return write_address(text)


def filter_person(text: str, filters: str, region: Region) -> str:
    return write_text(format_person(text), region)


FILTERS: dict[str, Callable[[str, str, Region], str]] = {
    "url": filter_address, "relative_url": filter_address, "absolute_url": filter_address, "prepend": filter_address,
    "asset_path": filter_address, "asset_url": filter_address, "relURL": filter_address, "absURL": filter_address,
    "team_link": filter_person, "team_photo": filter_person, "embed": filter_embed,
}  # fmt: skip


def format_person(text: str) -> str:
    """`jane-doe`, the key of a missing data file, becomes Jane Doe. Other names stay."""
    if not HANDLE.fullmatch(text):
        return text
    # Short parts without a vowel are initials or nicknames, and stay.
    parts = [part.capitalize() if re.search("[aeiouy]", part) else part for part in text.split("-")]
    return " ".join(parts)


def to_watch_url(url: str) -> str:
    """The page of a video, by the address of its frame: readers' pages load nothing from other hosts."""
    if match := YOUTUBE_FRAME.match(url):
        return EMBEDS["youtube"][0] + match[1]
    if match := VIMEO_FRAME.match(url):
        return EMBEDS["vimeo"][0] + match[1]
    return f"https:{url}" if url.startswith("//") else url


def find_embed(name: str, key: str) -> tuple[str, str]:
    """The address and the label for the key in a shortcode, which may be an address itself."""
    prefix, label = EMBEDS[name]
    return (to_watch_url(key) if "//" in key else prefix + key.strip("/")), label


def write_text(text: str, region: Region) -> str:
    """Text on one line that is shown as it is, and is never a template tag."""
    line = BRACES.sub("", " ".join(text.split()))
    return MARKDOWN_MARKS.sub(r"\\\1", line) if region is Region.PROSE else escape(line)


def write_address(url: str) -> str:
    """Safe between quotes and between the brackets of a Markdown link."""
    return quote(url.strip(), safe="/:?#@!$&*+,;=%~.-_")


def write_image(source: str, alt: str, region: Region) -> str:
    if not source.strip():
        return write_text(alt, region)
    if region is Region.PROSE:
        return f"![{write_text(alt, region)}]({write_address(source)})"
    return f'<img src="{escape(write_address(source))}" alt="{write_text(alt, region)}">'


def write_link(url: str, label: str, region: Region) -> str:
    if region is Region.PROSE:
        return f"[{write_text(label or url, region)}]({write_address(url)})"
    return f'<a href="{escape(write_address(url))}">{write_text(label or url, region)}</a>'


def write_figure(source: str, alt: str, caption: str, target: str, region: Region) -> str:
    """One line of HTML, which is a block of its own in Markdown too."""
    picture = write_image(source, alt or caption, Region.HTML)
    if target:
        picture = f'<a href="{escape(write_address(target))}">{picture}</a>'
    below = f"<figcaption>{write_text(caption, Region.HTML)}</figcaption>" if caption else ""
    if not below and not target:
        return write_image(source, alt, region)
    return f"<figure>{picture}{below}</figure>" + ("\n" if region is Region.PROSE else "")


def write_code(text: str, region: Region) -> str:
    """Inline code, in which a template tag is literal."""
    if region is Region.HTML:
        return f"<code>{escape(text)}</code>"
    line = " ".join(text.split())
    marks = "`" * (1 + longest_backticks(line))
    space = " " if "`" in line else ""
    return f"{marks}{space}{line}{space}{marks}"


def write_fence(text: str, language: str) -> str:
    marks = "`" * max(3, 1 + longest_backticks(text))
    return f"\n{marks}{language}\n{text.strip(chr(10)).rstrip()}\n{marks}\n"


def longest_backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
