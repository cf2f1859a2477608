"""Each template by itself: valid, the same for everybody, and free of what the security policy forbids."""

import json
import re
from datetime import UTC, datetime

import html5lib
import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import RequestFactory
from msgspec import structs

from content.documents import (
    AuthorDocument,
    ContentsEntry,
    CoverDocument,
    ListingDocument,
    MenuEntry,
    MonthCount,
    PostCard,
    PostDocument,
    SidebarDocument,
    SiteDocument,
    TermCount,
    TermDocument,
)
from content.rendering import render_markdown

# No `django_db`: a template that asks the database fails here.

NASTY = "Q&A <b>\"quoted\"</b> 'n' <script>alert(1)</script>"
TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERM = TermDocument(id=1, kind="categories", slug="moss", name=f"Moss {NASTY}", description=NASTY)
TAG = TermDocument(id=2, kind="tags", slug="fir", name="Fir")
PEOPLE = tuple(AuthorDocument(id=n, slug=f"p{n}", name=name) for n, name in enumerate(("Ann", "Bob", NASTY)))
COVER = CoverDocument(id=1, url="/media/a.webp", alt=NASTY, width=1280, height=720)
BODY = """# Top

Text[^1] with `code` and [a link](https://example.com/?a=1&b=2).

## Wide things

| a | b |
|---|--:|
| 1 | 2 |

```python
def fir(): return "green"
```

> Quoted.

- one
- two

![A fir](/media/fir.webp)

[^1]: Noted.
"""

FULL = PostCard(
    id=1,
    url="/posts/one/",
    title=f"One {NASTY}",
    excerpt=NASTY,
    published_at=TIME,
    cover=COVER,
    authors=PEOPLE,
    category=TERM,
    tags=(TAG,),
)
BARE = PostCard(id=2, url="/posts/two/", title="Two", excerpt="", published_at=TIME, language="de")
POST = PostDocument(
    id=7,
    kind="post",
    url="/posts/one/",
    title=f"One {NASTY}",
    excerpt=NASTY,
    html=render_markdown(BODY),
    published_at=TIME,
    updated_at=datetime(2026, 3, 5, tzinfo=UTC),
    cover=COVER,
    authors=PEOPLE,
    category=TERM,
    tags=(TAG,),
    has_code=True,
)
PAGE = PostDocument(
    id=8, kind="page", url="/about/", title="About", excerpt="", html="<p>Us.</p>", published_at=TIME, updated_at=TIME
)
SITE = {
    "site": SiteDocument(title="Test & co", tagline=NASTY, menu=(MenuEntry("A & B", "/a/?x=1&y=2"),)),
    "sidebar": SidebarDocument(
        categories=(TermCount("moss", "Moss", "/categories/moss/", 1),),
        tags=(TermCount("fir", "Fir", "/tags/fir/", 2),),
    ),
    "popular": (FULL, BARE),
    "trending": (BARE,),
    "canonical": "/posts/one/",
    "related": (FULL, BARE),
    "previous_post": (FULL,),
    "next_post": (BARE,),
}
BARE_SITE = {
    "site": SiteDocument(title="Bare"),
    "sidebar": SidebarDocument(),
    "popular": (),
    "trending": (),
    "canonical": "/",
}
LIST = {"cards": (FULL, BARE), "listing": ListingDocument(ids=(1, 2), page=1, pages=9, total=90), "path": "/"}
LATER = LIST | {"listing": ListingDocument(ids=(1, 2), page=5, pages=9, total=90), "path": "/tags/fir/"}
EMPTY = {"cards": (), "listing": ListingDocument(ids=(), page=1, pages=1, total=0), "path": "/"}
MARCH = MonthCount(year=2026, month=3, posts=3, newest=TIME)

CASES = [
    *[
        pytest.param(template, dress | case | named, id=f"{template}-{number}")
        for template, named in [
            ("content/home.html", {}),
            ("content/category.html", {"term": TERM}),
            ("content/tag.html", {"term": TAG}),
            ("content/author.html", {"author": AuthorDocument(id=1, slug="ann", name=NASTY, bio=NASTY)}),
            ("content/archive_year.html", {"year": 2026, "months": (MARCH,)}),
            ("content/archive_month.html", {"first_day": MARCH.first_day, "year_url": "/archive/2026/"}),
            ("content/popular.html", {}),
            ("content/trending.html", {}),
        ]
        for number, (dress, case) in enumerate(
            [(SITE, LIST), (SITE, LATER), (SITE, EMPTY), (BARE_SITE, LIST), (BARE_SITE, EMPTY)]
        )
    ],
    *[
        pytest.param("content/archive.html", dress | {"years": years}, id=f"content/archive.html-{number}")
        for number, (dress, years) in enumerate([(SITE, [(2026, 3, [MARCH])]), (BARE_SITE, [])])
    ],
    *[
        pytest.param("content/post.html", dress | {"post": post}, id=f"content/post.html-{post.kind}-{number}")
        for number, dress in enumerate([SITE, BARE_SITE])
        for post in (POST, PAGE)
    ],
    *[
        pytest.param(f"{status}.html", dress, id=f"{status}.html-{number}")
        for status in (400, 403, "403_csrf", 404, 410, 413, 500, 503)
        for number, dress in enumerate([SITE, BARE_SITE, {}])
    ],
]
every_template = pytest.mark.parametrize(("template", "context"), CASES)


def rendered(template: str, context: dict, user: User | None = None) -> str:
    request = RequestFactory().get("/")
    if user:
        request.user = user
    return render_to_string(template, context, request)


@every_template
def test_it_is_valid_html_with_one_heading_and_the_landmarks(template, context):
    html = rendered(template, context)
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    assert len(tree.findall(".//h1")) == 1
    assert [len(tree.findall(f".//{name}")) for name in ("main", "body/header", "body/footer")] == [1, 1, 1]
    assert len({node.get("id") for node in tree.iter() if node.get("id")}) == html.count(' id="')
    assert all(image.get("alt") is not None for image in tree.iter("img"))
    assert tree.find(".//title").text.strip(" ·")


@every_template
def test_it_holds_nothing_inline_and_nothing_from_another_host(template, context):
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(rendered(template, context))
    for node in tree.iter():
        assert not [name for name in node.attrib if name == "style" or str(name).startswith("on")]
    assert not tree.findall(".//style")
    run = [script.get("src") for script in tree.iter("script") if script.get("type") != "application/ld+json"]
    assert run == ["/static/content/theme.js", "/static/content/site.js"]
    links = [link for link in tree.iter("link") if link.get("rel") in ("stylesheet", "icon")]
    images = [image for image in tree.iter("img") if image.get("src")]
    fetched = [node.get("src") or node.get("href") for node in (*links, *images)]
    assert all(url.startswith("/") for url in fetched), fetched


@every_template
def test_it_is_the_same_for_everybody(template, context):
    html = rendered(template, context)
    assert html == rendered(template, context, User(username="somebody", is_staff=True))
    assert "csrf" not in html.lower()
    assert 'method="post"' not in html.lower()


@every_template
def test_words_from_the_database_are_escaped(template, context):
    html = rendered(template, context)
    assert "<script>alert" not in html
    assert "<b>" not in html


def test_a_site_without_a_menu_of_its_own_has_one():
    html = rendered("content/archive.html", BARE_SITE | {"years": (), "canonical": "/archive/"})
    menu = html[html.index('aria-label="Main"') : html.index("</nav>")]
    assert '<a href="/archive/" aria-current="page">Archive</a>' in menu
    assert '<a href="/popular/">Most read</a>' in menu
    assert "Archive" not in rendered("content/popular.html", SITE | LIST).split("</nav>")[0]


def test_the_place_of_the_comments_is_there():
    html = rendered("content/post.html", SITE | {"post": POST})
    assert '<section id="comments" class="comments" data-post="7" aria-labelledby="comments-title">' in html


def test_a_page_after_the_first_says_which_it_is():
    html = rendered("content/tag.html", SITE | LATER | {"term": TAG})
    assert '<link rel="canonical" href="http://testserver/tags/fir/?page=5">' in html
    assert '<link rel="prev" href="http://testserver/tags/fir/?page=4">' in html
    assert '<link rel="next" href="http://testserver/tags/fir/?page=6">' in html
    assert re.findall(r"<title>(.*?)</title>", html) == ["Fir, page 5 · Test &amp; co"]


def test_the_first_page_goes_by_its_plain_path():
    html = rendered("content/home.html", SITE | LIST)
    assert '<link rel="canonical" href="http://testserver/">' in html
    assert 'href="/?page=1"' not in html
    assert 'href="/?page=2"' in html


def test_a_post_in_another_language_says_so():
    html = rendered("content/home.html", SITE | LIST)
    assert html.count('lang="de"') == 1
    assert '<html lang="en">' in html


def linked_data(html: str) -> list[dict]:
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(html)
    [script] = [node for node in tree.iter("script") if node.get("type") == "application/ld+json"]
    data = json.loads(script.text)
    assert data["@context"] == "https://schema.org"
    return data["@graph"]


def test_a_post_is_told_to_programs_word_for_word_and_cannot_break_out():
    posting, breadcrumbs = linked_data(rendered("content/post.html", SITE | {"post": POST}))
    assert posting["@type"] == "BlogPosting"
    assert posting["headline"] == POST.title
    assert posting["url"] == "http://testserver/posts/one/"
    assert posting["image"] == {
        "@type": "ImageObject", "url": "http://testserver/media/a.webp", "width": 1280, "height": 720
    }  # fmt: skip
    assert [author["name"] for author in posting["author"]] == [person.name for person in PEOPLE]
    assert [step["name"] for step in breadcrumbs["itemListElement"]] == ["Test & co", TERM.name, POST.title]


def test_home_says_where_the_site_is_searched():
    [site] = linked_data(rendered("content/home.html", SITE | LIST))
    assert site["potentialAction"]["target"]["urlTemplate"] == "http://testserver/search/?q={search_term_string}"


def test_a_shared_post_has_its_title_words_and_picture():
    html = rendered("content/post.html", SITE | {"post": POST})
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(html)
    said = {meta.get("property") or meta.get("name"): meta.get("content") for meta in tree.iter("meta")}
    assert said["og:title"] == POST.title
    assert said["og:description"] == said["description"]
    assert said["og:url"] == "http://testserver/posts/one/"
    assert said["og:image"] == "http://testserver/media/a.webp"
    assert said["twitter:card"] == "summary_large_image"


@pytest.mark.parametrize(("post", "times"), [(POST, 1), (PAGE, 0)])
def test_the_colours_of_code_come_with_code_alone(post, times):
    assert rendered("content/post.html", SITE | {"post": post}).count("highlight.css") == times


def test_a_long_post_has_contents_that_lead_to_its_parts():
    contents = (ContentsEntry("a", "A & B", (ContentsEntry("a-1", "A one"),)), ContentsEntry("b", "B"))
    html = rendered("content/post.html", SITE | {"post": structs.replace(POST, contents=contents)})
    nav = html[html.index('<nav class="contents"') :].partition("</nav>")[0]
    assert re.findall(r'href="#([^"]+)">([^<]+)<', nav) == [("a", "A &amp; B"), ("a-1", "A one"), ("b", "B")]
    assert "contents" not in rendered("content/post.html", SITE | {"post": POST})


def test_what_is_read_from_right_to_left_says_so():
    html = rendered("content/post.html", SITE | {"post": structs.replace(POST, language="ar-EG")})
    assert '<article class="post" lang="ar-EG" dir="rtl">' in html
    site = SiteDocument(title="אתר", language="he")
    assert '<html lang="he" dir="rtl">' in rendered("content/home.html", SITE | LIST | {"site": site})


def test_an_unknown_page_leads_home_even_when_nothing_else_can_be_told():
    assert 'href="/"' in rendered("404.html", {})
    assert "Evergreen" in rendered("500.html", {})
