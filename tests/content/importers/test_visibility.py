"""A post that its generator does not publish is not public after an import; docs/importing.md has the table."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client

from content.importers import import_folder
from content.importers.wordpress import import_wordpress
from content.models import Post
from tests.support.wordpress import export, item

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DOCS = Path(__file__).parents[3] / "docs" / "importing.md"
SECRET = "SECRETWORD"


def matter(text: str) -> dict[str, str]:
    return {"content/a.md": f"---\ntitle: {SECRET}\ndate: 2024-01-01\n{text}\n---\n{SECRET}"}


def toml(text: str) -> dict[str, str]:
    return {"content/a.md": f'+++\ntitle = "{SECRET}"\ndate = 2024-01-01\n{text}\n+++\n{SECRET}'}


def below(name: str, text: str) -> dict[str, str]:
    """A post without a field that withholds it, and another file that has one."""
    post = {"content/blog/a.md": f"---\ntitle: {SECRET}\ndate: 2024-01-01\n---\n{SECRET}"}
    return post | {name: text}


PLAIN = f"---\ntitle: {SECRET}\n---\n{SECRET}"
LATER = PLAIN.replace("---\n", "---\ndate: 2099-01-01\n", 1)
TARGETED = "---\ncascade: {target: {path: '/blog/**'}, draft: true}\n---\n"
DEFAULTS = "defaults:\n- scope: {path: content/blog}\n  values: {published: false}\n"
# The generator, the field, the files, and the status after the import.
TABLE: list[tuple[str, str, dict[str, str], str]] = [
    ("Hugo", "draft", matter("draft: true"), "draft"),
    ("Hugo", "draft", toml("draft = true"), "draft"),
    ("Hugo", "draft", matter("Draft: TRUE"), "draft"),
    ("Hugo", "draft", {"content/a.md": f'{{"title": "{SECRET}", "draft": true}}\n{SECRET}'}, "draft"),
    ("Hugo", "draft", matter("draft: 1"), "draft"),
    ("Hugo", "published", matter("published: false"), "draft"),
    ("Hugo", "date", {"content/a.md": f"---\ntitle: {SECRET}\nDate: 2099-01-01\n---\n{SECRET}"}, "scheduled"),
    ("Hugo", "publishDate", matter("publishDate: 2099-01-01"), "scheduled"),
    ("Hugo", "publishDate", toml("publishdate = 2099-01-01T10:00:00Z"), "scheduled"),
    ("Hugo", "publishDate", matter("pubdate: 2099-01-01"), "scheduled"),
    ("Hugo", "publishDate", matter("published: 2099-01-01"), "scheduled"),
    ("Hugo", "expiryDate", matter("expiryDate: 2024-06-01"), "withdrawn"),
    ("Hugo", "expiryDate", toml("unpublishdate = 2024-06-01"), "withdrawn"),
    ("Hugo", "build.render", matter("build:\n  render: never"), "draft"),
    ("Hugo", "build.render", matter("build:\n  render: link"), "draft"),
    ("Hugo", "build.render", toml("[build]\nrender = false"), "draft"),
    ("Hugo", "build.render", matter("_build: {render: false}"), "draft"),
    ("Hugo", "build.list", matter("build: {list: never}"), "draft"),
    ("Hugo", "build.list", matter("_build: {list: local}"), "draft"),
    ("Hugo", "headless", matter("headless: true"), "draft"),
    ("Hugo", "cascade", below("content/blog/_index.md", "---\ncascade: {draft: true}\n---\n"), "draft"),
    ("Hugo", "cascade", below("content/_index.md", "---\ncascade:\n- build: {render: never}\n---\n"), "draft"),
    ("Hugo", "cascade", below("content/_index.md", TARGETED), "draft"),
    ("Hugo", "cascade", below("hugo.toml", "[cascade]\npublishDate = 2099-01-01\n"), "scheduled"),
    ("Jekyll", "published", matter("published: false"), "draft"),
    ("Jekyll", "published", matter("published: no"), "draft"),
    ("Jekyll", "_drafts", {"_drafts/a.md": PLAIN}, "draft"),
    ("Jekyll", "date", {"_posts/2099-01-01-a.md": PLAIN}, "scheduled"),
    ("Jekyll", "date", {"_posts/2024-01-01-a.md": LATER}, "scheduled"),
    ("Jekyll", "no date in _posts", {"_posts/a.md": PLAIN}, "draft"),
    ("Jekyll", "file beginning with _", {"_a.md": PLAIN, "b.md": "Public"}, "draft"),
    ("Jekyll", "folder beginning with _", {"_private/a.md": PLAIN, "b.md": "Public"}, ""),
    ("Jekyll", "hidden", matter("hidden: true"), "draft"),
    ("Jekyll", "defaults", below("_config.yml", DEFAULTS), "draft"),
    ("Jekyll", "exclude", below("_config.yml", "exclude: [content/blog/]\n"), "draft"),
    ("Eleventy", "permalink", matter("permalink: false"), "draft"),
    ("Eleventy", "permalink", matter("permalink: {build: false}"), "draft"),
    ("Eleventy", "permalink", matter("permalink: \"{{ draft and false or '/a/' }}\""), "draft"),
    ("Eleventy", "draft", matter("draft: true"), "draft"),
    ("Eleventy", "eleventyExcludeFromCollections", matter("eleventyExcludeFromCollections: true"), "draft"),
    ("Eleventy", "eleventyExcludeFromCollections", matter("eleventyExcludeFromCollections: [posts]"), "draft"),
    ("Eleventy", "eleventyComputed", matter("eleventyComputed:\n  permalink: '{{ false }}'"), "draft"),
    ("Eleventy", "directory data", below("content/blog/blog.json", '{"permalink": false}'), "draft"),
    ("Eleventy", "directory data", below("content/content.11tydata.json", '{"draft": true}'), "draft"),
    ("Eleventy", "file data", below("content/blog/a.11tydata.json", '{"draft": true}'), "draft"),
    ("Eleventy", ".eleventyignore", below(".eleventyignore", "# no\ncontent/blog/*.md\n"), "draft"),
    ("Eleventy", "front matter in JavaScript", {"a.md": f"---js\nconst title = '{SECRET}';\n---\n{SECRET}"}, ""),
    ("Zola", "draft", toml("draft = true"), "draft"),
    ("Zola", "render", toml("render = false"), "draft"),
    ("Zola", "draft of a section", below("content/blog/_index.md", "+++\ndraft = true\n+++\n"), "draft"),
    ("plain folder", "draft", matter("draft: yes please"), "draft"),
    ("plain folder", "status", matter("status: Draft"), "draft"),
    ("plain folder", "status", matter("status: private"), "draft"),
    ("plain folder", "visibility", matter("visibility: members"), "draft"),
    ("plain folder", "unlisted", matter("unlisted: true"), "draft"),
    ("plain folder", "private", matter("private: true"), "draft"),
    ("plain folder", "publish", matter("publish: false"), "draft"),
    ("plain folder", "publish", matter("dg-publish: false"), "draft"),
    ("plain folder", "public", matter("public: false"), "draft"),
    ("plain folder", "password", matter("password: abc"), "published"),
    ("plain folder", "password", matter("password: true"), "draft"),
    ("plain folder", "protected", matter("protected: true"), "draft"),
    ("plain folder", "embargo", matter("embargo: 2099-01-01"), "scheduled"),
    ("plain folder", "expires", matter("expires: 2024-06-01"), "withdrawn"),
]  # fmt: skip
WORDPRESS: list[tuple[str, dict[str, str], str]] = [
    ("draft", {"status": "draft"}, "draft"),
    ("pending", {"status": "pending"}, "draft"),
    ("private", {"status": "private"}, "draft"),
    ("a status of a plugin", {"status": "members-only"}, "draft"),
    ("future", {"status": "future", "post_date_gmt": "2099-01-01 00:00:00"}, "scheduled"),
    ("date", {"status": "publish", "post_date_gmt": "2099-01-01 00:00:00"}, "scheduled"),
    ("password", {"status": "publish", "post_password": "abc"}, "published"),
    ("password", {"status": "publish", "post_password": " "}, "published"),
    ("trash", {"status": "trash"}, ""),
    ("auto-draft", {"status": "auto-draft"}, ""),
    ("text for members alone", {"content": f"[members_only]{SECRET}[/members_only]"}, "draft"),
]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def check_not_public(status: str) -> None:
    """Check the status of the post and all pages that could show it."""
    posts = list(Post.objects.filter(title__contains=SECRET))
    assert [post.status for post in posts] == ([status] if status else [])
    assert not Post.objects.public(NOW).filter(title__contains=SECRET).exists()
    client = Client()
    for path in ["/", "/feed.xml", "/sitemap.xml", *(post.get_absolute_url() for post in posts)]:
        assert SECRET not in client.get(path).content.decode()
    found = client.get("/search/", {"q": SECRET}).content.decode()
    assert not any(post.get_absolute_url() in found for post in posts)


@pytest.mark.parametrize(
    ("files", "status"), [row[2:] for row in TABLE], ids=[f"{row[0]}-{row[1]}-{row[3]}" for row in TABLE]
)
def test_a_withheld_post_is_not_public(tmp_path, files, status):
    report = import_folder(write(tmp_path / "site", files), now=NOW)
    check_not_public(status)
    reported = [*report.withheld, *report.failures]
    assert len(reported) == 1
    assert reported[0].reason


@pytest.mark.parametrize(("values", "status"), [row[1:] for row in WORDPRESS], ids=[row[0] for row in WORDPRESS])
def test_a_withheld_item_is_not_public(tmp_path, values, status):
    report = import_wordpress(
        export(tmp_path / "a.xml", item(1, title=SECRET, **({"content": SECRET} | values))), now=NOW
    )
    check_not_public(status)
    assert len(report.withheld) + report.not_posts == 1


def test_the_documentation_has_the_same_table():
    section = DOCS.read_text().partition("## What a source withholds")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    written = {(row[0], row[1].replace("`", "")): row[3].strip("`") for row in rows[2:]}
    tests = {(row[0], row[1]): "test_a_withheld_post_is_not_public" for row in TABLE}
    tests |= {("WordPress", row[0]): "test_a_withheld_item_is_not_public" for row in WORDPRESS}
    assert written == tests
    assert set(tests.values()) <= set(globals())


@pytest.mark.parametrize(
    "text",
    [
        "draft: false", "Draft: 'no'", "draft:", "published: true", "published: 2020-01-01",
        "publishDate: 2020-01-01",
        "expiryDate: 2099-01-01", "build: {render: always, list: true}", "permalink: /a/", "permalink: '{{ slug }}/'",
        "permalink:", "eleventyExcludeFromCollections: false", "eleventyExcludeFromCollections: [featured]",
        "status: published", "status: evergreen", "expires: 3600", "password:", "password: ''", "private: false",
        "cascade: {draft: true}", "headless: false", "hidden: 0", "published: In the Times",
    ],
)  # fmt: skip
def test_a_published_post_is_public(tmp_path, text):
    report = import_folder(write(tmp_path / "site", matter(text)), now=NOW)
    assert (report.failures, report.withheld) == ([], [])
    assert Post.objects.public(NOW).count() == 1


def test_a_page_that_is_excluded_from_lists_is_public(tmp_path):
    text = "---\ntitle: About\nlayout: page\neleventyExcludeFromCollections: true\n---\nText"
    import_folder(write(tmp_path / "site", {"about.md": text}), now=NOW)
    assert Post.objects.public(NOW).get().kind == "page"


def test_a_post_overrides_inherited_values(tmp_path):
    files = below("content/blog/_index.md", "---\ncascade: {draft: true}\n---\n")
    files["content/blog/b.md"] = "---\ntitle: Own\ndate: 2024-01-01\ndraft: false\n---\nText"
    import_folder(write(tmp_path / "site", files), now=NOW)
    assert dict(Post.objects.values_list("slug", "status")) == {"a": "draft", "b": "published"}


def test_a_changed_data_file_changes_the_posts_below(tmp_path):
    site = write(tmp_path / "site", below("content/blog/blog.json", "{}"))
    import_folder(site, now=NOW)
    assert Post.objects.get().status == "published"
    (site / "content/blog/blog.json").write_text(json.dumps({"draft": True}))
    assert import_folder(site, now=NOW).updated == 1
    assert Post.objects.get().status == "draft"
    assert import_folder(site, now=NOW).unchanged == 1


def test_the_next_import_withdraws_expired_posts(tmp_path):
    site = write(tmp_path / "site", matter("expiryDate: 2025-02-01"))
    report = import_folder(site, now=NOW)
    assert "withdraw it then, or import it again" in report.warnings[0]
    assert Post.objects.get().status == "published"
    later = datetime(2025, 3, 1, tzinfo=UTC)
    assert import_folder(site, now=later).updated == 1
    assert Post.objects.get().status == "withdrawn"
    assert import_folder(site, now=later).unchanged == 1


def test_a_post_is_scheduled_at_the_later_date(tmp_path):
    import_folder(write(tmp_path / "site", matter("publishDate: 2099-01-01")), now=NOW)
    assert Post.objects.get().published_at == datetime(2099, 1, 1, tzinfo=UTC)


def test_a_time_of_publication_in_the_past_does_not_replace_the_date(tmp_path):
    import_folder(write(tmp_path / "site", matter("publishDate: 2024-06-01")), now=NOW)
    assert Post.objects.get().published_at == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_date_that_cannot_be_read_is_a_failure(tmp_path):
    for word in ("publishDate", "expiryDate"):
        report = import_folder(write(tmp_path / word, matter(f"{word}: soon")), now=NOW)
        assert "is no date" in report.failures[0].reason
    assert not Post.objects.exists()


def test_comments_of_kramdown_are_removed(tmp_path):
    text = "Before\n\n{::comment}\nHIDDEN\n{:/comment}\n\nIn {::comment}HIDDEN{:/}line\n\n    {::comment}code{:/}\n"
    import_folder(write(tmp_path / "site", {"a.md": text}), now=NOW)
    html = Post.objects.get().html
    assert "HIDDEN" not in html
    assert "{::comment}code{:/}" in html


def test_a_program_that_may_withhold_is_named(tmp_path):
    files = below("content/blog/blog.11tydata.js", "module.exports = { permalink: data => false }")
    report = import_folder(write(tmp_path / "site", files), now=NOW)
    assert report.warnings == [
        "content/blog/blog.11tydata.js is a program and is not run: check the posts that it may withhold."
    ]


def test_a_configuration_that_cannot_be_read_is_named(tmp_path):
    report = import_folder(write(tmp_path / "site", below("_config.yml", "a: [")), now=NOW)
    assert "_config.yml cannot be read" in report.warnings[0]
