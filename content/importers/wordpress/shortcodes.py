"""Shortcodes, `[name key="value"]` and `[name]...[/name]`, become HTML that loads nothing from other hosts."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from content.importers.template_tags import to_watch_url
from content.importers.wordpress.catalogue import Attachment, Catalogue

SHORTCODE = re.compile(
    r"""\[(?P<before>\[?)(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9_-]{0,60})
    (?P<attributes>(?:[\s/=:](?:[^\[\]"'<>]++|"[^"]{0,5000}"|'[^']{0,5000}'|"|'){0,200}+)?)\](?P<after>\]?)""",
    re.VERBOSE,
)
ATTRIBUTE = re.compile(r"""([\w-]{1,60})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))|"([^"]*)"|'([^']*)'|(\S+)""")
CURLED = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2033": '"', "\u2018": "'", "\u2019": "'"})
DEEPEST = 20
# Returns HTML, or None to drop the shortcode.
Converter = Callable[[Mapping[str, str], str], str | None]
IMAGE = re.compile(r"^\s*(?:<p>\s*)?((?:<a\b[^<>]*>\s*)?<img\b[^<>]*>(?:\s*</a>)?)(.*)$", re.IGNORECASE | re.DOTALL)
SOURCES = ("src", "mp3", "m4a", "ogg", "wav", "wma", "mp4", "m4v", "webm", "ogv", "wmv", "flv", "url", "0")
ALIGNED = re.compile(r"align-?(left|right|center)")
VIDEO_SITES = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/", "ted": ""}
VERBATIM = re.compile(
    r"<(pre|code|script|style|textarea|svg)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|</?[a-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Shortcode:
    """An opening or closing tag."""

    start: int
    end: int
    name: str
    closes: bool
    attributes: str
    escaped: bool


@dataclass
class ShortcodeConverter:
    """Converts known shortcodes and drops others. The text inside a dropped one stays."""

    known: Mapping[str, Converter]
    converted: Counter[str]
    dropped: Counter[str]

    def convert(self, text: str, depth: int = 0) -> str:
        if "[" not in text or depth > DEEPEST:
            return text
        tags = list(find_shortcodes(text))
        ends = pair_shortcodes(tags)
        pieces, at, index = [], 0, 0
        while index < len(tags):
            opening = tags[index]
            pieces.append(text[at : opening.start])
            closing = tags[ends[index]] if index in ends else None
            inside = text[opening.end : closing.start] if closing else ""
            index = ends.get(index, index) + 1
            at = closing.end if closing else opening.end
            pieces.append(self.convert_one(text, opening, inside, depth, is_pair=closing is not None))
        return "".join([*pieces, text[at:]])

    def convert_one(self, text: str, opening: Shortcode, inside: str, depth: int, *, is_pair: bool) -> str:
        if opening.escaped:
            return text[opening.start + 1 : opening.end - 1].replace("[", "&#91;")
        if not is_pair and not is_shortcode(opening, self.known):
            return text[opening.start : opening.end]
        is_code = opening.name in ("code", "sourcecode")
        inside = inside if is_code else self.convert(inside, depth + 1)
        converter = None if opening.closes else self.known.get(opening.name)
        html = converter(parse_attributes(opening.attributes), inside) if converter else None
        (self.dropped if html is None else self.converted)[opening.name[:40]] += 1
        return inside if html is None else html


def find_shortcodes(text: str) -> Iterator[Shortcode]:
    verbatim = VerbatimSpans(text)
    for match in SHORTCODE.finditer(text):
        if verbatim.contains(match.start()):
            continue
        escaped = bool(match["before"] and match["after"])
        yield Shortcode(
            start=match.start() + (0 if escaped or not match["before"] else 1),
            end=match.end() - (0 if escaped or not match["after"] else 1),
            name=match["name"].lower(),
            closes=bool(match["close"]),
            attributes=match["attributes"].strip().removesuffix("/"),
            escaped=escaped,
        )


def pair_shortcodes(tags: list[Shortcode]) -> dict[int, int]:
    """The index of the closing tag by that of the opening one. A closing tag closes all opened in between."""
    ends: dict[int, int] = {}
    open_tags: list[int] = []
    open_by_name: Counter[str] = Counter()
    for index, tag in enumerate(tags):
        if tag.escaped:
            continue
        if not tag.closes:
            open_tags.append(index)
            open_by_name[tag.name] += 1
            continue
        while open_by_name[tag.name]:
            start = open_tags.pop()
            open_by_name[tags[start].name] -= 1
            if tags[start].name == tag.name:
                ends[start] = index
                break
    return ends


def is_shortcode(tag: Shortcode, known: Mapping[str, Converter]) -> bool:
    """Whether it is a shortcode and not a remark in brackets, such as [sic]."""
    has_dash = "_" in tag.name or "-" in tag.name
    if tag.name in known or tag.closes:
        return tag.name in known or has_dash
    return "=" in tag.attributes or (not tag.attributes and has_dash)


def parse_attributes(attributes: str) -> dict[str, str]:
    """Values by name, and those without a name by their number: "0", "1"."""
    values: dict[str, str] = {}
    for match in ATTRIBUTE.finditer(attributes.translate(CURLED)):
        value = next((group for group in match.groups()[1:] if group is not None), "")
        number = str(sum(name.isdecimal() for name in values))
        values.setdefault(match[1].lower() if match[1] else number, value)
    return values


def shortcodes_of(catalogue: Catalogue, item_id: str) -> dict[str, Converter]:
    """The known shortcodes of an item. A gallery without numbers has the files that were uploaded to the item."""

    def gallery(values: Mapping[str, str], inside: str) -> str | None:
        numbers = re.findall(r"\d+", values.get("ids") or values.get("include") or "")
        chosen = [catalogue.attachment(number) for number in numbers[:200]]
        shown = chosen if numbers else catalogue.gallery(values.get("id") or item_id)
        return write_pictures([each for each in shown if each is not None]) or None

    players: dict[str, Converter] = dict.fromkeys(("audio", "video", "wpvideo", "embed"), convert_player)
    players |= {name: video_converter(base) for name, base in VIDEO_SITES.items()}
    return players | {
        "caption": convert_caption,
        "wp_caption": convert_caption,
        "gallery": gallery,
        "playlist": gallery,
        "code": convert_code,
        "sourcecode": convert_code,
    }


def convert_caption(values: Mapping[str, str], inside: str) -> str | None:
    match = IMAGE.match(inside)
    picture, below = (match[1], match[2]) if match else (inside, "")
    caption = (values.get("caption") or below).strip()
    align = ALIGNED.search(values.get("align", ""))
    kind = f' class="align{align[1]}"' if align else ""
    return f"\n\n<figure{kind}>{picture}<figcaption>{caption}</figcaption></figure>\n\n"


def write_pictures(attachments: list[Attachment]) -> str:
    """A list, whose length a screen reader announces."""
    items = "".join(f"<li>{write_picture(each)}</li>" for each in attachments if each.url)
    return f"\n\n<ul>{items}</ul>\n\n" if items else ""


def write_picture(attachment: Attachment) -> str:
    image = f'<img src="{escape(attachment.url)}" alt="{escape(attachment.alt)}">'
    if not attachment.caption:
        return image
    return f"<figure>{image}<figcaption>{escape(attachment.caption)}</figcaption></figure>"


def convert_player(values: Mapping[str, str], inside: str) -> str | None:
    address = next((values[name] for name in SOURCES if values.get(name)), "") or inside.strip()
    return write_link(address)


def video_converter(base: str) -> Converter:
    def convert(values: Mapping[str, str], inside: str) -> str | None:
        address = values.get("0", "").lstrip("=") or values.get("id", "") or inside.strip()
        return write_link(address if "://" in address else base + address) if address else None

    return convert


def write_link(address: str) -> str | None:
    if not address.startswith(("http://", "https://", "/")) or "<" in address:
        return None
    address = to_watch_url(address)
    return f'\n\n<a href="{escape(address)}">{escape(address)}</a>\n\n'


def convert_code(values: Mapping[str, str], inside: str) -> str | None:
    """Code, whose text stays as it was typed."""
    language = re.sub(r"[^\w+#-]", "", values.get("language") or values.get("lang") or values.get("0") or "")
    text = inside.strip("\r\n").replace("<", "&lt;").replace(">", "&gt;")
    return f'\n\n<pre class="language-{language}"><code>{text}</code></pre>\n\n'


class VerbatimSpans:
    """Code, tags and comments in a text: shortcodes and paragraphs in them do not count."""

    def __init__(self, text: str) -> None:
        self.spans = [match.span() for match in VERBATIM.finditer(text)]
        self.starts = [start for start, _ in self.spans]

    def contains(self, offset: int) -> bool:
        index = bisect_right(self.starts, offset) - 1
        return index >= 0 and offset < self.spans[index][1]
