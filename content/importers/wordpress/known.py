"""The shortcodes that we know, as HTML: pictures, players and embeds become what needs no other host."""

import re
from collections.abc import Mapping
from html import escape

from content.importers.remnants.videos import watchable
from content.importers.wordpress.catalogue import Attachment, Catalogue
from content.importers.wordpress.shortcodes import Converter

IMAGE = re.compile(r"^\s*(?:<p>\s*)?((?:<a\b[^<>]*>\s*)?<img\b[^<>]*>(?:\s*</a>)?)(.*)$", re.IGNORECASE | re.DOTALL)
SOURCES = ("src", "mp3", "m4a", "ogg", "wav", "wma", "mp4", "m4v", "webm", "ogv", "wmv", "flv", "url", "0")
ALIGNED = re.compile(r"align-?(left|right|center)")
WATCHED_AT = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/", "ted": ""}


def known_shortcodes(catalogue: Catalogue, number: str) -> dict[str, Converter]:
    """For the text of that item: a gallery without numbers shows what was uploaded to it."""

    def gallery(values: Mapping[str, str], inside: str) -> str | None:
        numbers = re.findall(r"\d+", values.get("ids") or values.get("include") or "")
        wanted = [catalogue.attachment(one) for one in numbers[:200]]
        shown = wanted if numbers else catalogue.gallery_of(values.get("id") or number)
        return picture_list([one for one in shown if one is not None]) or None

    players: dict[str, Converter] = dict.fromkeys(("audio", "video", "wpvideo", "embed", *WATCHED_AT), link_to_source)
    players |= {name: watched(base) for name, base in WATCHED_AT.items()}
    return players | {
        "caption": captioned,
        "wp_caption": captioned,
        "gallery": gallery,
        "playlist": gallery,
        "code": code,
        "sourcecode": code,
    }


def captioned(values: Mapping[str, str], inside: str) -> str | None:
    match = IMAGE.match(inside)
    picture, below = (match[1], match[2]) if match else (inside, "")
    caption = (values.get("caption") or below).strip()
    align = ALIGNED.search(values.get("align", ""))
    kind = f' class="align{align[1]}"' if align else ""
    return f"\n\n<figure{kind}>{picture}<figcaption>{caption}</figcaption></figure>\n\n"


def picture_list(attachments: list[Attachment]) -> str:
    """A list, so that one knows how many there are before one has seen them all."""
    items = "".join(f"<li>{picture(one)}</li>" for one in attachments if one.url)
    return f"\n\n<ul>{items}</ul>\n\n" if items else ""


def picture(one: Attachment) -> str:
    image = f'<img src="{escape(one.url)}" alt="{escape(one.alt)}">'
    return f"<figure>{image}<figcaption>{escape(one.caption)}</figcaption></figure>" if one.caption else image


def link_to_source(values: Mapping[str, str], inside: str) -> str | None:
    address = next((values[name] for name in SOURCES if values.get(name)), "") or inside.strip()
    return link(address)


def watched(base: str) -> Converter:
    def convert(values: Mapping[str, str], inside: str) -> str | None:
        address = values.get("0", "").lstrip("=") or values.get("id", "") or inside.strip()
        return link(address if "://" in address else base + address) if address else None

    return convert


def link(address: str) -> str | None:
    if not address.startswith(("http://", "https://", "/")) or "<" in address:
        return None
    address = watchable(address)
    return f'\n\n<a href="{escape(address)}">{escape(address)}</a>\n\n'


def code(values: Mapping[str, str], inside: str) -> str | None:
    """Its text is kept as it was typed, which was HTML only where an editor had made it so."""
    language = re.sub(r"[^\w+#-]", "", values.get("language") or values.get("lang") or values.get("0") or "")
    text = inside.strip("\r\n").replace("<", "&lt;").replace(">", "&gt;")
    return f'\n\n<pre class="language-{language}"><code>{text}</code></pre>\n\n'
