"""Any text in a record survives its file. No server, no database."""

from datetime import UTC, datetime
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from content.exporters.records import AuthorRecord, CommentRecord, PostRecord, SiteRecord
from content.exporters.tables import post_file, write_rows
from content.importers.evergreen.files import PostFile, parse_row, split_rows

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ODD = [
    "---", "- ", "\n---\n", "\r\n", "\x85", "\u2028", "\ufeff", "{{ x }}", "no", "1e3", "'", '"', "&a *a", "#", ": ",
]  # fmt: skip
texts = st.lists(st.sampled_from(ODD) | st.text(max_size=8), max_size=6).map("".join)
moments = st.datetimes(timezones=st.just(UTC))
slugs = st.from_regex(r"[\w-]{1,20}", fullmatch=True)
records = st.builds(
    PostRecord,
    slug=slugs,
    title=texts,
    published_at=st.none() | moments,
    updated_at=moments,
    created_at=moments,
    authors=st.lists(slugs, unique=True, max_size=3).map(tuple),
    tags=st.lists(slugs, unique=True, max_size=3).map(lambda tags: tuple(sorted(tags))),
    cover=texts,
    excerpt=texts,
    password=texts,
    body=texts,
)
menus = st.lists(st.fixed_dictionaries({"label": texts, "url": texts}), max_size=3)


@SAME_FOLDER
@given(record=records, number=st.integers(1, 10**12))
@example(record=PostRecord(slug="a", title="", updated_at=FIRST, created_at=LAST, body="---\n"), number=1)
def test_a_post_is_read_as_it_was_written(tmp_path: Path, record: PostRecord, number: int):
    file = PostFile(tmp_path, "post.md")
    file.path.write_bytes(post_file(number, record))
    assert file.read() == record
    assert file.number() == number


@SAME_FOLDER
@given(names=st.lists(st.tuples(slugs, texts, texts), max_size=5))
def test_rows_are_read_as_they_were_written(tmp_path: Path, names: list[tuple[str, str, str]]):
    rows = [AuthorRecord(slug=slug, name=name, bio=bio) for slug, name, bio in names]
    assert write_rows(tmp_path / "authors.yaml", rows) == len(rows)
    assert [parse_row(text, AuthorRecord) for text in split_rows(tmp_path / "authors.yaml")] == rows


@SAME_FOLDER
@given(menu=menus, body=texts, moment=moments)
def test_menus_and_comments_are_read_as_they_were_written(tmp_path: Path, menu, body: str, moment: datetime):
    rows = [SiteRecord(menu=menu), CommentRecord(id=1, post="a", author_name=body, body=body, created_at=moment)]
    for row in rows:
        write_rows(tmp_path / "rows.yaml", [row])
        [text] = split_rows(tmp_path / "rows.yaml")
        assert parse_row(text, type(row)) == row


def test_the_file_is_markdown_with_front_matter(tmp_path: Path):
    moment = datetime(2024, 5, 31, 12, tzinfo=UTC)
    times = {"published_at": moment, "updated_at": moment, "created_at": moment}
    record = PostRecord(slug="a", title="Äpfel", tags=("x",), body="Text\r\n", **times)
    content = post_file(7, record)
    head, body = content.removeprefix(b"---\n").split(b"\n---\n", 1)
    assert body == b"Text\r\n"
    assert yaml.safe_load(head) == {
        "evergreen": 1,
        "id": 7,
        "slug": "a",
        "title": "Äpfel",
        "date": moment,
        "updated": moment,
        "created": moment,
        "tags": ["x"],
    }
