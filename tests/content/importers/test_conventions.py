"""The conventions of Jekyll, Hugo, Zola and Eleventy."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from content.importers import import_folder
from content.models import MediaFile, Post, Redirect

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def site(tmp_path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def write(site: Path, name: str, content: str) -> None:
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def import_post(site: Path, name: str, content: str) -> Post:
    write(site, name, content)
    report = import_folder(site, now=NOW)
    assert report.failures == []
    return Post.objects.get(source_path=f"site/{name}")


def authors(post: Post) -> list[str]:
    return list(post.authors.order_by("authorships__position").values_list("name", flat=True))


def tags(post: Post) -> set[str]:
    return set(post.tags.values_list("name", flat=True))


def test_jekyll_dates_posts_by_file_name_and_keeps_their_old_path(site):
    post = import_post(site, "_posts/2024-05-31-old-news.md", "---\ntitle: News\ncategories: a b\n---\nText")
    assert (post.slug, post.published_at) == ("old-news", datetime(2024, 5, 31, tzinfo=UTC))
    assert post.category.name == "a"
    assert Redirect.objects.get(old_path="/2024/05/31/old-news/").new_path == "/posts/old-news/"


def test_jekyll_time_with_a_zone(site):
    post = import_post(site, "a.md", "---\ndate: 2024-05-31 12:00:00 -0400\n---\nText")
    assert post.published_at == datetime(2024, 5, 31, 16, tzinfo=UTC)


def test_hugo_toml_with_aliases_and_draft(site):
    post = import_post(
        site,
        "posts/hello.md",
        '+++\ntitle = "Hello"\ndate = 2024-05-31T10:00:00Z\ndraft = true\n'
        'aliases = ["/old/hello", "/older/"]\ntags = ["x", "y"]\n+++\nText',
    )
    assert (post.title, post.status, tags(post)) == ("Hello", "draft", {"x", "y"})
    assert set(Redirect.objects.values_list("old_path", flat=True)) == {"/old/hello/", "/older/"}


def test_hugo_page_bundle_and_section_index(site):
    write(site, "posts/_index.md", "---\ntitle: All posts\n---\n")
    picture(site / "posts" / "trip" / "lake.png")
    post = import_post(site, "posts/trip/index.md", "---\ntitle: Trip\ndate: 2024-01-01\n---\n![The lake](lake.png)")
    assert post.slug == "trip"
    assert Post.objects.count() == 1
    media = MediaFile.objects.get()
    assert f'src="{media.file.url}"' in post.html
    assert (media.width, media.height) == (4, 3)


def picture(path: Path, colour: str = "green") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    Image.new("RGB", (4, 3), colour).save(content, "PNG")
    path.write_bytes(content.getvalue())


def test_zola_taxonomies_and_path(site):
    post = import_post(
        site,
        "content/a.md",
        '+++\ntitle = "A"\ndate = 2024-01-01\npath = "elsewhere/a"\n'
        '[taxonomies]\ntags = ["t"]\ncategories = ["c"]\n+++\nText',
    )
    assert (tags(post), post.category.name) == ({"t"}, "c")
    assert Redirect.objects.get().old_path == "/elsewhere/a/"


def test_eleventy_permalink_and_its_collections_are_no_tags(site):
    post = import_post(site, "a.md", "---\npermalink: /blog/a.html\ntags: [posts, real]\ndate: 2024-01-01\n---\nText")
    assert tags(post) == {"real"}
    assert Redirect.objects.get().old_path == "/blog/a.html"


@pytest.mark.parametrize(
    ("matter", "names"),
    [
        ("author: Ann Lee", ["Ann Lee"]),
        ("authors: [Ann Lee, Bob Ray]", ["Ann Lee", "Bob Ray"]),
        ("author: Ann Lee, Bob Ray", ["Ann Lee", "Bob Ray"]),
        ("authors:\n  - name: Ann Lee\n  - name: Bob Ray", ["Ann Lee", "Bob Ray"]),
        ("authors: [ann-lee]", ["Ann Lee"]),
        ("authors: [Bob Ray, Ann Lee, Bob Ray]", ["Bob Ray", "Ann Lee"]),
        ("author: 42", ["42"]),
        ("author: {x: [y]}", []),
    ],
)
def test_authors_as_text_or_list_in_their_order(site, matter, names):
    assert authors(import_post(site, "a.md", f"---\ntitle: A\ndate: 2024-01-01\n{matter}\n---\nText")) == names


def test_a_time_to_come_is_a_schedule(site):
    assert import_post(site, "a.md", "---\ndate: 2025-06-01\n---\nText").status == "scheduled"


@pytest.mark.parametrize("matter", ["published: false", "draft: true", "draft: 'yes'"])
def test_an_unpublished_post_is_a_draft(site, matter):
    assert import_post(site, "a.md", f"---\ndate: 2024-01-01\n{matter}\n---\nText").status == "draft"


def test_a_second_import_updates_only_changed_files(site):
    write(site, "b.md", "---\ntitle: B\ndate: 2024-01-01\ntags: [x]\n---\nText")
    post = import_post(site, "a.md", "---\ntitle: A\ndate: 2024-01-01\ntags: [x]\nauthor: Ann\n---\nText")
    write(site, "a.md", "---\ntitle: A2\ndate: 2024-01-01\ntags: [y]\n---\nOther text")
    report = import_folder(site, now=NOW)
    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)
    post.refresh_from_db()
    assert (post.title, tags(post), authors(post)) == ("A2", {"y"}, [])
    assert "Other text" in post.html


def test_a_changed_slug_moves_the_post_and_leaves_a_redirect(site, client):
    import_post(site, "a.md", "---\nslug: old\ndate: 2024-01-01\n---\nText")
    import_post(site, "a.md", "---\nslug: new\ndate: 2024-01-01\n---\nText")
    response = client.get("/posts/old/")
    assert (response.status_code, response.headers["Location"]) == (301, "/posts/new/")


def test_the_same_picture_twice_is_stored_once(site):
    picture(site / "one.png")
    picture(site / "two.png")
    write(site, "a.md", "![a](one.png) ![b](two.png)")
    report = import_folder(site, now=NOW)
    assert (report.media, MediaFile.objects.count()) == (1, 1)


def test_missing_pictures_are_counted_and_leave_their_text(site):
    post = import_post(site, "a.md", "---\ndate: 2024-01-01\n---\n![A *fine* day](/none.jpg)")
    assert '<em class="missing-image">' in post.html
    assert "fine" in post.html


TAGS = [
    ("{% highlight ruby %}\nputs 1\n{% endhighlight %}", "puts", []),
    ("{{< youtube abc123 >}}", "abc123", []),
    ("{{ youtube(id='abc123') }}", "abc123", []),
    ("{% unknown_tag a b %}Text", "Text", ["unknown_tag"]),
    ("{{ page.something }}Text", "Text", ["something"]),
    ("{% comment %}secret{% endcomment %}Text", "Text", ["secret", "comment"]),
    ("[link]({% post_url 2024-01-01-other %})", "/posts/other/", []),
    ("{% raw %}{{ shown }}{% endraw %}", "{{ shown }}", ["raw"]),
    ("`{{ code }}`", "{{ code }}", []),
    ("```\n{% code %}\n```", "{% code %}", []),
    ("## Heading {#own-id}", 'id="own-id"', ["{#"]),
    ("Words{: .wide}", "Words", ["{:"]),
]


@pytest.mark.parametrize(("body", "shown", "hidden"), TAGS)
def test_a_template_tag_is_converted_or_dropped(site, body, shown, hidden):
    html = import_post(site, "a.md", f"---\ndate: 2024-01-01\n---\n{body}\n").html
    assert shown in html
    assert not [word for word in hidden if word in html]


def test_a_dropped_tag_is_counted_by_its_name(site):
    write(site, "a.md", "{% thing %} {{ other }} {% thing %}")
    assert import_folder(site, now=NOW).dropped["thing"] == 2
