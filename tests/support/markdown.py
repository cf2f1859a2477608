"""Folders of Markdown, for tests that import them."""

from pathlib import Path


def write_posts(folder: Path, count: int) -> Path:
    """Posts a day apart, newest last, each with an author, a tag and a category."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        (folder / f"2024-01-{number:02}-note-{number}.md").write_text(
            f"---\ntitle: Note {number}\nauthors: [ann]\ntags: [green]\ncategories: [news]\n---\n"
            f"The text of note {number}.\n"
        )
    return folder
