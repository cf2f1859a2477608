"""A second release of the site: its code with a changed template, a new field and a changed tag function."""

import shutil
from pathlib import Path

from tests.support.mutation import UNWANTED
from tests.support.service import ROOT

FOLDERS = ("content", "project", "workers", "requirements")
CHANGES = (
    # A template.
    ("content/templates/content/base.html", "</body>", "<!-- the new release --></body>"),
    # A field with a default, which the new template shows.
    (
        "content/documents/posts.py",
        "    reading_minutes: int = 1\n",
        '    reading_minutes: int = 1\n    mood: str = "?"\n',
    ),
    ("content/selectors/posts.py", "    card = PostCard(\n", '    card = PostCard(\n        mood="merry",\n'),
    (
        "content/templates/content/_byline.html",
        '<p class="byline">',
        '<p class="byline" data-mood="{{ item.mood }}">',
    ),
    # A function of tags.
    (
        "content/resources/posts.py",
        "    yield cache_tags.post(post.id)\n",
        '    yield cache_tags.post(post.id)\n    yield "mood"\n',
    ),
)


def make_release(copy: Path) -> Path:
    """Copy the project to a folder that is there, with the changes of the next release."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=UNWANTED)
    shutil.copy(ROOT / "manage.py", copy)
    for file, code, changed in CHANGES:
        text = (copy / file).read_text()
        assert code in text, file
        (copy / file).write_text(text.replace(code, changed, 1))
    return copy
