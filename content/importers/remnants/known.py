"""The remnants that are known, and what each becomes. None: not known after all."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from content.importers.places import Place
from content.importers.post_paths import path_of_reference
from content.importers.remnants import markup
from content.importers.remnants.arguments import QUOTED, Arguments, arguments, image_words, unquoted
from content.importers.remnants.people import person_name
from content.importers.remnants.scan import Remnant
from content.importers.remnants.videos import PLACES, place_of, watchable

LITERAL = re.compile(rf"({QUOTED})\s*((?:\|.*)?)", re.DOTALL)
VARIABLE = re.compile(r"(?:page|post|data|section)?\.?([A-Za-z_][\w-]*)\s*(?:\|.*)?", re.DOTALL)
CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)(?:\s*\|.*)?", re.DOTALL)
ADDRESSES_OF_THE_SITE = {"site.baseurl", "site.url", "site.baseURL", "page.baseurl", "config.base_url", "baseurl"}
IMAGES = {"image", "img", "picture", "image_with_class", "responsive_image", "asset_image", "figure"}


@dataclass(frozen=True)
class Setting:
    """Where the remnant stands, and the plain values of its file's front matter."""

    place: Place
    values: Mapping[str, str]


def converted(remnant: Remnant, setting: Setting) -> str | None:
    match remnant.kind:
        case "tag":
            return tag(remnant, setting)
        case "value":
            return value(remnant.inside, setting)
        case "shortcode":
            return shortcode(remnant.name, arguments(remnant.arguments), setting.place)
    return None


def tag(remnant: Remnant, setting: Setting) -> str | None:
    words = remnant.arguments
    if remnant.name in IMAGES and "=" not in words.split('"')[0]:
        source, alt = image_words(words, with_class=remnant.name == "image_with_class")
        return markup.image(source, alt, setting.place)
    if remnant.name in ("post_url", "link"):
        return markup.address(path_of_reference(unquoted(words)))
    if remnant.name == "include":
        found = arguments(words)
        known = any(found.get(name) for name in ("image", "src", "image_path"))
        return picture(found, setting.place) if known else None
    return shortcode(remnant.name, arguments(words), setting.place)


def shortcode(name: str, found: Arguments, place: Place) -> str | None:
    if name in IMAGES:
        return picture(found, place)
    if name in ("ref", "relref"):
        return markup.address(path_of_reference(found.first("path")))
    if name == "gist" and len(found.words) > 1:
        return markup.link(*place_of("gist", "/".join(found.words[:2])), place)
    if name in PLACES and (key := found.first("id", "key", "url", "video")):
        if found.get("user") and name in ("twitter", "tweet", "x"):
            key = f"https://twitter.com/{found.get('user')}/status/{key}"
        url, label = place_of(name, key)
        return markup.link(url, found.get("title") or label, place)
    return None


def picture(found: Arguments, place: Place) -> str:
    source = found.get("src", "image", "path", "url", "image_path", "img") if found.named else ""
    target = found.get("link", "href") or (found.get("url") if found.get("image", "src") else "")
    caption = found.get("caption", "attr") or found.get("title")
    words = [word for word in found.words if "." in word or "/" in word]
    return markup.figure(source or (words[-1] if words else ""), found.get("alt"), caption, target, place)


def value(inside: str, setting: Setting) -> str | None:
    if match := LITERAL.fullmatch(inside):
        return literal(unquoted(match[1]), match[2], setting.place)
    if inside.split("|")[0].strip() in ADDRESSES_OF_THE_SITE:
        # {{ site.baseurl | append: "/path" }}
        added = re.search(rf"\|\s*append:\s*({QUOTED})", inside)
        return markup.address(unquoted(added[1])) if added else ""
    if match := CALL.fullmatch(inside):
        return call(match[1], arguments(match[2]), setting.place)
    if (match := VARIABLE.fullmatch(inside)) and (known := setting.values.get(match[1])):
        return (
            markup.address(known) if "url" in inside or looks_like_path(known) else markup.plain(known, setting.place)
        )
    return None


def looks_like_path(text: str) -> bool:
    return re.fullmatch(r"(?:https?:/)?/\S+", text) is not None


def literal(text: str, filters: str, place: Place) -> str:
    """A text in quotes, through the filters that are known; through others it passes as it is."""
    names = re.findall(r"\|\s*([A-Za-z_]\w*)", filters)
    for name in names:
        if name in FILTERS:
            return FILTERS[name](text, filters, place)
    return markup.code(text, place) if re.search(r"\{\{|\{%|\{#", text) else markup.plain(text, place)


def call(name: str, found: Arguments, place: Place) -> str | None:
    """Zola's shortcodes, and the functions that give an address."""
    if name in ("get_url", "url_for", "resize_image"):
        return markup.address(path_of_reference(found.first("path", "filename")))
    return shortcode(name, found, place)


def embed(text: str, filters: str, place: Place) -> str:
    label = re.search(rf"embed:\s*({QUOTED})", filters)
    return markup.link(watchable(text), unquoted(label[1]) if label else "", place)


def site_address(text: str, filters: str, place: Place) -> str:
    return markup.address(text)


def person(text: str, filters: str, place: Place) -> str:
    return markup.plain(person_name(text), place)


FILTERS: dict[str, Callable[[str, str, Place], str]] = {
    "url": site_address, "relative_url": site_address, "absolute_url": site_address, "prepend": site_address,
    "asset_path": site_address, "asset_url": site_address, "relURL": site_address, "absURL": site_address,
    "team_link": person, "team_photo": person, "embed": embed,
}  # fmt: skip
