"""Front matter by its fence: read, or refused by name, and never the text of a post."""

from datetime import UTC, datetime

import pytest

from content.importers import import_folder
from content.importers.front_matter import LARGEST_FRONT_MATTER
from content.models import Post

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def run_import(tmp_path):
    def run(content: str):
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "a.md").write_text(content)
        return import_folder(tmp_path / "site", now=NOW)

    return run


@pytest.mark.parametrize(
    "content",
    [
        '{"title": "HIDDEN", "draft": true}\nBody',
        '{\n  "title": "HIDDEN",\n  "draft": true\n}\n\nBody',
        '{ "draft" : true, "title" : "HIDDEN", "x": {"y": ["}", "{"]} } \nBody',
        ';;;\n"title": "HIDDEN",\n"draft": true\n;;;\nBody',
        ';;;\n{"title": "HIDDEN", "draft": true}\n;;;\nBody',
        '---json\n{"title": "HIDDEN", "draft": true}\n---\nBody',
        '--- JSON\n{"title": "HIDDEN", "draft": true}\n---\nBody',
        ';;;json\n{"title": "HIDDEN", "draft": true}\n;;;\nBody',
        "---yaml\ntitle: HIDDEN\ndraft: true\n---\nBody",
        '---toml\ntitle = "HIDDEN"\ndraft = true\n---\nBody',
        '+++\ntitle = "HIDDEN"\ndraft = true\n+++\nBody',
        "\n\n---\ntitle: HIDDEN\ndraft: true\n---\nBody",
        "\ufeff\n---\ntitle: HIDDEN\ndraft: true\n---\nBody",
        "---\ntitle: HIDDEN\ndraft: true\n...\nBody",
        "--- \ntitle: HIDDEN\ndraft: true\n---  \nBody",
    ],
)
def test_front_matter_that_is_read(run_import, content):
    report = run_import(content)
    assert report.failures == []
    post = Post.objects.get()
    assert (post.title, post.status, post.body.strip()) == ("HIDDEN", "draft", "Body")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('---js\nconst title = "HIDDEN";\nconst draft = true;\n---\nBody', "'---js', which is not read here"),
        ("---javascript\n{ title: 'HIDDEN' }\n---\nBody", "'---javascript'"),
        ("---coffee\ntitle: 'HIDDEN'\n---\nBody", "'---coffee'"),
        ("--- js\nHIDDEN\n---\nBody", "'--- js'"),
        ("---json5\n{title: 'HIDDEN'}\n---\nBody", "'---json5'"),
        ("+++js\nHIDDEN\n+++\nBody", r"'+++js'"),
        (";;;cson\nHIDDEN\n;;;\nBody", "';;;cson'"),
        ("---js\nHIDDEN and no end", "'---js'"),
        ("<!--\n---\ntitle: HIDDEN\n---\n-->\nBody", None),
        ("<!-- ---\ntitle: HIDDEN\n--- -->\nBody", "stands in an HTML comment"),
        ('{"title": "HIDDEN", "draft": true\nBody', "is not valid JSON"),
        ('{\n  title: "HIDDEN"\n}\nBody', "is not valid JSON"),
        ("{\n'title': 'HIDDEN'}\nBody", "is not valid JSON"),
        ('{"title": "HIDDEN", "x": NaN}\nBody', "NaN is no number of JSON"),
        ('{"x": ' + "[" * 50_000 + "\nBody", "is not valid JSON"),
        ('{"title": "HIDDEN", "x": "' + "y" * LARGEST_FRONT_MATTER + '"}\nBody', "is not valid JSON"),
        (';;;\n"title": "HIDDEN"\nBody', "has no ;;; to end it"),
        ("---\n# HIDDEN\ntitle: x\ndraft: true\nBody", "has no --- to end it"),
        ('---\n"title": HIDDEN\nBody', "has no --- to end it"),
    ],
)
def test_front_matter_that_is_refused_by_name(run_import, content, reason):
    report = run_import(content)
    if reason is None:  # a comment, which no reader sees: all of it stays one
        assert "HIDDEN" not in Post.objects.get().html
        return
    assert [failure.path for failure in report.failures] == ["site/a.md"]
    assert reason in report.failures[0].reason
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        "---\n\nA rule, and a text.",
        "-----\n\nA long rule.",
        "{% include x %}\nText",
        "{{ youtube }} Text",
        "{: .lead}\nText",
        "{#id} Text",
        "A {brace} in a line.",
        "```toml\ntitle = 1\n```",
    ],
)
def test_a_text_without_front_matter_stays_one(run_import, content):
    assert run_import(content).failures == []
    assert Post.objects.get().title == "A"


def test_a_body_keeps_its_first_lines(run_import):
    run_import('{"title": "T"}\n\n    code\n\nText')
    assert Post.objects.get().body.startswith("    code")
