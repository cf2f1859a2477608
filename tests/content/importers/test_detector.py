"""The detector: sites of supported generators are imported, others are refused with what to do instead."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from content.importers import BadFile, import_folder
from content.importers.detector import Format, detect_format
from content.models import ImportSource, Post

pytestmark = pytest.mark.django_db

POST = "---\ntitle: A post\ndate: 2024-01-01\n---\nText"
METADATA = "Title: A post\nDate: 2024-01-01\nStatus: draft\n\nText"


def package(name: str, kind: str = "dependencies") -> dict[str, str]:
    return {"package.json": json.dumps({kind: {name: "^1.0.0"}})}


# The generator, the files of a site beside its post, the path of the post, and a part of the advice.
UNSUPPORTED = [
    ("Hexo", {"scaffolds/post.md": POST, "_config.yml": "title: Hexo"}, "source/_posts/a.md", "source/_posts"),
    ("Hexo", {"_config.yml": "title: Hexo\nsource_dir: source\n"}, "source/_posts/a.md", "source/_posts"),
    ("Hexo", {"_config.landscape.yml": ""}, "source/_posts/a.md", "source/_posts"),
    ("Hexo", package("hexo"), "source/_posts/a.md", "source/_posts"),
    ("Astro", {"astro.config.mjs": ""}, "src/content/blog/a.md", "src/content/blog"),
    ("Astro", {"src/content.config.ts": ""}, "src/content/blog/a.md", "src/content/blog"),
    ("Astro", package("astro", "devDependencies"), "src/content/blog/a.md", "src/content/blog"),
    ("Docusaurus", {"docusaurus.config.js": ""}, "blog/a.md", "such as blog"),
    ("Docusaurus", package("@docusaurus/core"), "blog/a.md", "such as blog"),
    ("Gatsby", {"gatsby-config.js": ""}, "content/blog/a.md", "content/blog"),
    ("Gatsby", package("gatsby"), "content/blog/a.md", "content/blog"),
    ("Pelican", {"pelicanconf.py": ""}, "content/a.md", "between two lines of ---"),
    ("Pelican", {"content/b.md": METADATA}, "content/a.md", "between two lines of ---"),
    ("Obsidian", {".obsidian/app.json": "{}"}, "Notes/a.md", "obsidian-export"),
]
SUPPORTED = [
    {"_config.yml": "title: Jekyll"},
    {"_config.yml": "title: Jekyll", **package("prettier", "devDependencies")},
    {"hugo.toml": "title = 'Hugo'"},
    {"hugo.toml": "title = 'Hugo'", ".obsidian/app.json": "{}"},
    {"config.toml": "base_url = 'https://zola.example'"},
    {"eleventy.config.js": "", **package("@11ty/eleventy")},
    {"package.json": "no JSON"},
    {"package.json": "[]"},
    {},
]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(("name", "files", "post", "advice"), UNSUPPORTED)
def test_an_unsupported_site_is_refused_with_advice(tmp_path, name, files, post, advice):
    site = write(tmp_path / "site", {post: POST, **files})
    with pytest.raises(
        BadFile, match=f"It is a site of {name}, which is not supported. Nothing was imported"
    ) as raised:
        import_folder(site)
    assert advice in str(raised.value)
    assert not Post.objects.exists()
    assert not ImportSource.objects.exists()


@pytest.mark.parametrize(
    ("files", "post"),
    [row[1:3] for row in UNSUPPORTED if row[0] != "Pelican"],
    ids=[row[0] for row in UNSUPPORTED if row[0] != "Pelican"],
)
def test_the_folder_of_its_posts_is_imported(tmp_path, files, post):
    site = write(tmp_path / "site", {post: POST, **files})
    assert import_folder((site / post).parent).created == 1


@pytest.mark.parametrize("files", SUPPORTED)
def test_a_supported_site_is_imported(tmp_path, files):
    site = write(tmp_path / "site", {"content/a.md": POST, **files})
    assert detect_format(site) is Format.MARKDOWN
    assert import_folder(site).created == 1


def test_a_single_text_with_a_title_line_is_no_site_of_pelican(tmp_path):
    site = write(tmp_path / "site", {"a.md": METADATA, "b.md": POST, "c.md": POST})
    assert import_folder(site).created == 3


@pytest.mark.parametrize(("name", "found"), [("a.xml", Format.WORDPRESS), ("export", Format.EVERGREEN)])
def test_exports_are_detected(tmp_path, name, found):
    write(tmp_path, {"a.xml": "<rss/>", "export/evergreen.yaml": "evergreen: 1"})
    assert detect_format(tmp_path / name) is found


def test_the_command_ends_with_status_2(tmp_path):
    site = write(tmp_path / "site", {"a.md": POST, "gatsby-config.js": ""})
    out = StringIO()
    with pytest.raises(CommandError, match="It is a site of Gatsby") as raised:
        call_command("import_content", str(site), "--json", stdout=out)
    assert raised.value.returncode == 2
    assert "It is a site of Gatsby" in json.loads(out.getvalue())["error"]
