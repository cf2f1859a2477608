"""Template remnants: what Liquid, Nunjucks, Hugo and Zola left in a text, converted where it is known.

The rest is dropped and counted; a reader sees none of it. Code keeps its tags: posts about templates show them.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from content.importers.code_spans import outside_code

QUOTED = r"""(?:"([^"]*)"|'([^']*)')"""
RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
COMMENT = re.compile(
    r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}|\{#.*?#\}|\{\{[<%]/\*.*?\*/[%>]\}\}", re.DOTALL
)
HIGHLIGHT = re.compile(
    r"\{%-?\s*highlight\s+([\w+#-]+)[^%]*%\}\n?(.*?)\{%-?\s*endhighlight\s*-?%\}"
    r"|\{\{[<%]\s*highlight\s+\"?([\w+#-]+)[^>%]*[>%]\}\}\n?(.*?)\{\{[<%]\s*/\s*highlight\s*[>%]\}\}",
    re.DOTALL,
)
TAG = re.compile(r"\{\{[<%].{0,2000}?[>%]\}\}|\{\{.{0,2000}?\}\}|\{%.{0,2000}?%\}", re.DOTALL)
INLINE_ATTRIBUTES = re.compile(r"[ \t]*\{:[^}\n]{0,300}\}")
STRAY = re.compile(r"\{\{+|\}\}+|\{%|%\}")
HELD = re.compile("\ue000(\\d+)\ue001")


@dataclass
class Cleaned:
    """A text without remnants, and how many of which kind it had."""

    text: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def clean(text: str) -> Cleaned:
    cleaned = Cleaned()
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        """Literal text is put aside, so that nothing below takes it for a tag."""
        cleaned.converted["raw"] += 1
        held.append(match.group(1))
        return f"\ue000{len(held) - 1}\ue001"

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = RAW.sub(hold, text)
    text = HIGHLIGHT.sub(lambda match: fenced(match, cleaned), text)
    text = outside_code(text, lambda part: without_tags(part, cleaned))
    cleaned.text = HELD.sub(lambda match: held[int(match.group(1))], text)
    return cleaned


def fenced(match: re.Match[str], cleaned: Cleaned) -> str:
    cleaned.converted["highlight"] += 1
    language, code = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
    return f"```{language}\n{code.rstrip()}\n```"


def without_tags(text: str, cleaned: Cleaned) -> str:
    text = COMMENT.sub(lambda match: drop("comment", cleaned), text)
    text = TAG.sub(lambda match: converted(match.group(0), cleaned), text)
    text = INLINE_ATTRIBUTES.sub(lambda match: drop("attributes", cleaned), text)
    return STRAY.sub(lambda match: drop("stray", cleaned), text)


def converted(tag: str, cleaned: Cleaned) -> str:
    for name, pattern, write in KNOWN:
        if match := pattern.fullmatch(tag):
            cleaned.converted[name] += 1
            return write(match)
    return drop(kind(tag), cleaned)


def drop(name: str, cleaned: Cleaned) -> str:
    cleaned.dropped[name] += 1
    return ""


def kind(tag: str) -> str:
    """The tag's own name, for the count."""
    word = re.search(r"[A-Za-z_][\w.]*", tag)
    return word.group(0)[:40] if word else "tag"


def first(match: re.Match[str], *groups: int) -> str:
    return next((match.group(group) for group in groups if match.group(group) is not None), "")


def image(match: re.Match[str]) -> str:
    """The last quoted word is what it shows; there may be a class between."""
    words = [double or single for double, single in re.findall(QUOTED, match.group(1))]
    return markdown_image(words[0], words[-1] if len(words) > 1 else "")


def markdown_image(source: str, alt: str) -> str:
    alt = " ".join(alt.split()).replace("[", "(").replace("]", ")")
    return f"![{alt}](<{source.strip()}>)"


def attribute(text: str, *wanted: str) -> str:
    for name in wanted:
        if match := re.search(rf"\b{name}\s*=\s*{QUOTED}", text):
            return first(match, 1, 2)
    return ""


def figure(match: re.Match[str]) -> str:
    words = match.group(1)
    caption = attribute(words, "caption", "title")
    picture = markdown_image(attribute(words, "src", "path"), attribute(words, "alt") or caption)
    return f"{picture}\n\n*{caption}*" if caption else picture


def embed(match: re.Match[str]) -> str:
    address, label = first(match, 1, 2), first(match, 3, 4)
    video = re.search(r"youtube(?:-nocookie)?\.com/embed/([\w-]+)", address)
    target = f"https://www.youtube.com/watch?v={video.group(1)}" if video else address
    return f"[{label or target}]({target})"


def video(match: re.Match[str]) -> str:
    site, words = match.group(1).lower(), match.group(2)
    name = attribute(words, "id") or re.sub(r"[^\w-]", "", words.split()[0] if words.split() else "")
    places = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/"}
    return f"[Video]({places[site]}{name})"


def post_link(match: re.Match[str]) -> str:
    """A reference to another post's file becomes the path that its post has here."""
    stem = match.group(1).strip("\"' ").removesuffix("/").removesuffix("/index.md").rsplit("/", 1)[-1]
    slug = re.sub(r"^\d{4}-\d{1,2}-\d{1,2}-", "", re.sub(r"\.(md|markdown)$", "", stem))
    return f"/posts/{slug.lower()}/"


# Name for the count, what it looks like, and what it becomes.
# fmt: off
KNOWN: list[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    ("url", re.compile(rf"\{{\{{-?\s*{QUOTED}\s*\|\s*(?:url|relative_url|absolute_url|prepend:[^}}]*)\s*-?\}}\}}"),
     lambda match: first(match, 1, 2)),
    ("baseurl", re.compile(r"\{\{-?\s*(?:site\.baseurl|site\.url|page\.baseurl)\s*-?\}\}"), lambda match: ""),
    ("image", re.compile(r"\{%-?\s*(?:image|image_with_class|img)\b(.*?)-?%\}", re.DOTALL), image),
    ("figure", re.compile(r"\{\{[<%]\s*(?:figure|image|img)\b(.*?)/?[>%]\}\}", re.DOTALL), figure),
    ("figure", re.compile(r"\{\{\s*(?:figure|image|img)\((.*?)\)\s*\}\}", re.DOTALL), figure),
    ("team_link", re.compile(rf"\{{\{{-?\s*{QUOTED}\s*\|\s*team_link\s*-?\}}\}}"), lambda match: first(match, 1, 2)),
    ("team_photo", re.compile(rf"\{{\{{-?\s*{QUOTED}\s*\|\s*team_photo\s*-?\}}\}}"), lambda match: ""),
    ("embed", re.compile(rf"\{{\{{-?\s*{QUOTED}\s*\|\s*embed:\s*{QUOTED}\s*-?\}}\}}", re.DOTALL), embed),
    ("video", re.compile(r"\{\{[<%]\s*(youtube|vimeo)\b(.*?)/?[>%]\}\}", re.DOTALL), video),
    ("video", re.compile(r"\{%-?\s*(youtube|vimeo)\b(.*?)-?%\}", re.DOTALL), video),
    ("video", re.compile(r"\{\{\s*(youtube|vimeo)\((.*?)\)\s*\}\}", re.DOTALL), video),
    ("link", re.compile(r"\{%-?\s*(?:post_url|link)\s+([^%]*?)\s*-?%\}"), post_link),
    ("link", re.compile(r"\{\{[<%]\s*(?:rel)?ref\s+([^>%]*?)\s*[>%]\}\}"), post_link),
]
# fmt: on
