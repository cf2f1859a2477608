"""WordPress exports, as small or as large as a test wants them."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- generator="WordPress/6.4" -->
<rss version="2.0" xmlns:excerpt="{scheme}://wordpress.org/export/{version}/excerpt/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:wp="{scheme}://wordpress.org/export/{version}/">
<channel>
<title>Blog</title><link>https://blog.example</link><language>en-GB</language>
<wp:wxr_version>{version}</wp:wxr_version><wp:base_blog_url>https://blog.example</wp:base_blog_url>
<wp:author><wp:author_login>ann</wp:author_login>
<wp:author_display_name><![CDATA[Ann Lee]]></wp:author_display_name></wp:author>
"""
TAIL = "</channel></rss>\n"
NAMES = {"content": "content:encoded", "excerpt": "excerpt:encoded", "creator": "dc:creator"}
PLAIN = {"title", "link", "pubDate"}


def item(
    number: int,
    *,
    terms: Iterable[tuple[str, str]] = (),
    meta: Mapping[str, str] | None = None,
    comments: Iterable[Mapping[str, str]] = (),
    **values: str,
) -> str:
    """A published post of 2024, unless the values say otherwise; names are WordPress's own, without `wp:`."""
    name = values.get("post_name", f"post-{number}")
    known = {
        "title": f"Post {number}", "link": f"https://blog.example/2024/05/{name}/", "creator": "ann",
        "content": "Text", "post_id": str(number), "post_date_gmt": "2024-05-31 10:00:00", "post_name": name,
        "status": "publish", "post_type": "post", "comment_status": "open",
    } | values  # fmt: skip
    parts = [element(NAMES.get(key, key if key in PLAIN else f"wp:{key}"), value) for key, value in known.items()]
    parts += [f'<category domain="{domain}" nicename="x"><![CDATA[{name}]]></category>' for domain, name in terms]
    parts += [
        f"<wp:postmeta>{element('wp:meta_key', key)}{element('wp:meta_value', value)}</wp:postmeta>"
        for key, value in (meta or {}).items()
    ]
    parts += [f"<wp:comment>{comment(values)}</wp:comment>" for values in comments]
    return f"<item>{''.join(parts)}</item>\n"


def comment(values: Mapping[str, str]) -> str:
    known = {
        "id": "1", "author": "Bob", "author_email": "bob@example.org", "date_gmt": "2024-06-01 10:00:00",
        "content": "Well said", "approved": "1", "type": "", "parent": "0",
    } | dict(values)  # fmt: skip
    return "".join(element(f"wp:comment_{key}", value) for key, value in known.items())


def element(name: str, value: str) -> str:
    if "]]>" in value:
        return f"<{name}>{escape(value)}</{name}>"
    return f"<{name}><![CDATA[{value}]]></{name}>"


def export(path: Path, *items: str, scheme: str = "http", version: str = "1.2") -> Path:
    path.write_text(HEAD.format(scheme=scheme, version=version) + "".join(items) + TAIL)
    return path
