"""A post that was edited here since its import is not overwritten."""

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from content.importers import files, import_folder
from content.importers.wordpress import import_wordpress
from content.models import Author, Post
from content.services import publishing
from tests.support.wordpress import export, item

pytestmark = pytest.mark.django_db

FRONT = "---\ntitle: A\ndate: 2024-01-01\ntags: [x]\nauthor: Ann\ncategory: News\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "a.md").write_text(f"{FRONT}---\nText")
    (tmp_path / "posts" / "b.md").write_text("---\ntitle: B\n---\nText")
    import_folder(tmp_path / "posts")
    return tmp_path / "posts"


def edit_body(client) -> None:
    post = Post.objects.get(slug="a")
    post.body = "Edited"
    post.save()


def edit_tags(client) -> None:
    Post.objects.get(slug="a").tags.clear()


def edit_authors(client) -> None:
    Post.objects.get(slug="a").authorships.create(author=Author.objects.create(name="Bo", slug="bo"), position=1)


def withdraw(client) -> None:
    publishing.withdraw([Post.objects.get(slug="a").pk])


def give_a_password(client) -> None:
    Post.objects.filter(slug="a").update(password="secret")


EDITS = [edit_body, edit_tags, edit_authors, withdraw, give_a_password]


def state() -> tuple:
    post = Post.objects.get(slug="a")
    words = list(post.tags.values_list("slug", flat=True)), list(post.authors.values_list("slug", flat=True))
    return post.body, post.status, post.password, words


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("why", ["changed source", "another version"])
def test_it_stays_and_the_report_names_it(folder, client, monkeypatch, edit, why):
    edit(client)
    edited = state()
    if why == "changed source":
        for name in ("a.md", "b.md"):
            (folder / name).write_text((folder / name).read_text() + " changed")
    else:
        digest = files.hash_source
        monkeypatch.setattr(
            "content.importers.markdown_folder.hash_source", lambda *given: digest(*given, version=b"9")
        )
    for _ in range(2):
        report = import_folder(folder)
        assert [left.path for left in report.left_alone] == ["posts/a.md"]
        assert "--overwrite" in report.left_alone[0].reason
        assert state() == edited
        assert report.done == report.files == 2
    assert Post.objects.get(slug="b").body.startswith("Text")
    report = import_folder(folder, overwrite=True)
    assert (report.updated, report.left_alone) == (1, [])
    assert state()[:3] == (f"Text{' changed' if why == 'changed source' else ''}", "published", "")
    assert state()[3] == (["x"], ["ann"])
    assert import_folder(folder).unchanged == 2


def test_a_post_without_edits_is_written(folder):
    (folder / "a.md").write_text(f"{FRONT}---\nOther")
    report = import_folder(folder)
    assert (report.updated, report.left_alone) == (1, [])
    (folder / "a.md").write_text(f"{FRONT}draft: true\n---\nOther")
    assert import_folder(folder).updated == 1
    assert Post.objects.get(slug="a").status == "draft"


def test_an_edited_post_that_its_source_withholds_is_reported(folder):
    edit_body(None)
    (folder / "a.md").write_text(f"{FRONT}draft: true\n---\nOther")
    [left] = import_folder(folder).left_alone
    assert "Its source withholds it" in left.reason
    assert "draft" in left.reason


@pytest.mark.parametrize("logged", [True, False])
def test_without_a_digest_the_log_of_the_admin_decides(folder, admin_client, admin_user, logged):
    Post.objects.update(imported_digest="")
    post = Post.objects.get(slug="a")
    if logged:
        response = admin_client.get(f"/admin/content/post/{post.pk}/change/")
        form = response.context["adminform"].form
        fields = {name: form[name].value() for name in form.fields}
        given = {name: value for name, value in fields.items() if value not in (None, False)}
        given |= {"published_at_0": "2024-01-01", "published_at_1": "00:00", "body": "Edited"}
        given |= {"authorships-TOTAL_FORMS": 0, "authorships-INITIAL_FORMS": 0}
        response = admin_client.post(f"/admin/content/post/{post.pk}/change/", given)
        assert response.status_code == 302, response.context["errors"]
        assert LogEntry.objects.count() == 1
    (folder / "a.md").write_text(f"{FRONT}---\nOther")
    report = import_folder(folder)
    assert (len(report.left_alone), report.updated) == ((1, 0) if logged else (0, 1))
    assert Post.objects.get(slug="a").body == ("Edited" if logged else "Other")


def test_without_a_digest_a_withdrawn_post_stays_withdrawn(folder):
    withdraw(None)
    Post.objects.update(imported_digest="")
    (folder / "a.md").write_text(f"{FRONT}---\nOther")
    assert len(import_folder(folder).left_alone) == 1
    assert Post.objects.get(slug="a").status == "withdrawn"


def test_an_edited_post_of_wordpress_stays(tmp_path):
    import_wordpress(export(tmp_path / "a.xml", item(1, content="Text")))
    Post.objects.update(body="Edited")
    changed = export(tmp_path / "a.xml", item(1, content="Other"))
    assert len(import_wordpress(changed).left_alone) == 1
    assert Post.objects.get().body == "Edited"
    assert import_wordpress(changed, overwrite=True).updated == 1
    assert "Other" in Post.objects.get().body


def test_the_command_prints_it(folder, capsys):
    edit_body(None)
    (folder / "a.md").write_text(f"{FRONT}---\nOther")
    call_command("import_content", str(folder))
    printed = capsys.readouterr()
    assert "left alone: posts/a.md: It was edited here" in printed.err
    assert "1 edited here and left alone" in printed.out
    call_command("import_content", str(folder), "--overwrite")
    assert "1 updated" in capsys.readouterr().out
