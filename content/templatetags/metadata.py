"""Tags for the head of a page: addresses and texts for other programs, and JSON-LD (schema.org)."""

import json
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context, TemplateSyntaxError
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString, mark_safe

from content.absolute_urls import absolute_url
from content.documents import CoverDocument, PostDocument, SiteDocument

register = template.Library()
Data = dict[str, Any]
# Only an end tag and a comment are markup inside a script element. In JSON the escapes are the same characters.
ESCAPED = {ord(character): f"\\u{ord(character):04X}" for character in "<>&\u2028\u2029"}


@register.simple_tag(takes_context=True)
def absolute(context: Context, path: str) -> str:
    """The URL of a path on this site."""
    return absolute_url(context["request"], path)


@register.simple_tag(takes_context=True)
def block_text(context: Context, name: str) -> str:
    """The content of a block of this page, to repeat it: several fields have the page's title and description."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    if block is None:
        raise TemplateSyntaxError(f"There is no block {name!r} to repeat. Check its name in the template.")
    return str(block.nodelist.render(context))


def script_element(*things: Data) -> SafeString:
    """JSON-LD, safe for any text in it. Browsers do not run it, so no policy for scripts applies."""
    data = {"@context": "https://schema.org", "@graph": things}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(ESCAPED)
    return mark_safe(f'<script type="application/ld+json">{text}</script>')  # noqa: S308 - escaped


@register.simple_tag(takes_context=True)
def site_data(context: Context) -> SafeString:
    """The site and its search."""
    request, site = context["request"], context["site"]
    address = absolute_url(request, "/search/")
    action = {
        "@type": "SearchAction",
        "target": {"@type": "EntryPoint", "urlTemplate": f"{address}?q={{search_term_string}}"},
        "query-input": "required name=search_term_string",
    }
    return script_element(website(request, site) | {"potentialAction": action})


@register.simple_tag(takes_context=True)
def term_data(context: Context, name: str) -> SafeString:
    """The breadcrumbs of a list."""
    request = context["request"]
    return script_element(breadcrumbs(request, context["site"], (name, context["path"])))


@register.simple_tag(takes_context=True)
def post_data(context: Context) -> SafeString:
    """A post and its breadcrumbs."""
    request, site, post = context["request"], context["site"], context["post"]
    steps = [(post.category.name, post.category.url)] if post.category else []
    return script_element(posting(request, site, post), breadcrumbs(request, site, *steps, (post.title, post.url)))


def website(request: HttpRequest, site: SiteDocument) -> Data:
    return {
        "@type": "WebSite",
        "name": site.title,
        "description": site.tagline,
        "url": absolute_url(request, "/"),
        "inLanguage": site.language,
    }


def posting(request: HttpRequest, site: SiteDocument, post: PostDocument) -> Data:
    address = absolute_url(request, post.url)
    data: Data = {
        "@type": "BlogPosting" if post.kind == "post" else "WebPage",
        "headline": post.title,
        "description": post.excerpt,
        "url": address,
        "mainEntityOfPage": address,
        "datePublished": post.published_at.isoformat(),
        "dateModified": max(post.published_at, post.updated_at).isoformat(),
        "inLanguage": post.language,
        "isPartOf": website(request, site),
        "publisher": {"@type": "Organization", "name": site.title, "url": absolute_url(request, "/")},
    }
    if post.authors:
        data["author"] = [
            {"@type": "Person", "name": author.name, "url": absolute_url(request, author.url)}
            for author in post.authors
        ]
    if post.category:
        data["articleSection"] = post.category.name
    if post.tags:
        data["keywords"] = [tag.name for tag in post.tags]
    if post.cover:
        data["image"] = picture(request, post.cover)
    return data


def picture(request: HttpRequest, cover: CoverDocument) -> Data:
    data: Data = {"@type": "ImageObject", "url": absolute_url(request, cover.url)}
    return data | ({"width": cover.width, "height": cover.height} if cover.width and cover.height else {})


def breadcrumbs(request: HttpRequest, site: SiteDocument, *steps: tuple[str, str]) -> Data:
    """The steps from the front page down, each with a name and a path."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": absolute_url(request, path)}
            for position, (name, path) in enumerate([(site.title, "/"), *steps], start=1)
        ],
    }
