"""Two editors of one object: a save says what it is based on, and overwrites nothing that is newer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client

from content.models import Author, Authorship, Category, MediaFile, Post, SiteConfig, Tag
from tests.support.admin_site import act, form_values, save_form, try_form
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

ADD = "/admin/content/post/add/"
SITE = "/admin/content/siteconfig/1/change/"


def change(row) -> str:
    return f"/admin/content/{row._meta.model_name}/{row.pk}/change/"


@pytest.fixture
def ann(admin_client) -> Client:
    return admin_client


@pytest.fixture
def bob() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("bob", first_name="Bob", last_name="Ray"))
    return client


def differences(response) -> dict[str, tuple[str, str, str]]:
    assert response.status_code == 409
    return {each.name: (each.theirs, each.mine, each.changed_by) for each in response.context["merge"].differences}


def test_the_second_save_overwrites_nothing_and_shows_both_texts(ann, bob):
    post = make_post("post", title="First", body="One.\n\nTwo.")
    opened = form_values(bob.get(change(post)))
    save_form(ann, change(post), title="Ann's", body="One.\n\nTwo of Ann.")
    answer = bob.post(change(post), opened | {"title": "Bob's", "excerpt": "By Bob"})
    assert differences(answer) == {
        "title": ("Ann's", "Bob's", "both"),
        "excerpt": (post.excerpt, "By Bob", "mine"),
        "body": ("One.\n\nTwo of Ann.", "One.\n\nTwo.", "theirs"),
    }
    post.refresh_from_db()
    assert (post.title, post.body, post.excerpt) == ("Ann's", "One.\n\nTwo of Ann.", "")
    html = answer.content.decode()
    assert "This post was changed while you were editing it" in html
    assert "admin saved it at" in html
    assert "<mark>Ann</mark>&#x27;s" in html


def test_to_keep_mine_saves_it_over_theirs_and_theirs_where_i_changed_nothing(ann, bob):
    post = make_post("post", title="First", body="One.")
    opened = form_values(bob.get(change(post)))
    save_form(ann, change(post), title="Ann's", body="Ann wrote this.")
    conflict = bob.post(change(post), opened | {"title": "Bob's"})
    assert bob.post(change(post), form_values(conflict)).status_code == 302
    post.refresh_from_db()
    assert (post.title, post.body) == ("Bob's", "Ann wrote this.")


def test_a_third_save_in_between_is_a_conflict_again(ann, bob):
    post = make_post("post", title="First")
    opened = form_values(bob.get(change(post)))
    save_form(ann, change(post), title="Second")
    conflict = form_values(bob.post(change(post), opened | {"title": "Mine"}))
    save_form(ann, change(post), title="Third")
    assert differences(bob.post(change(post), conflict)) == {"title": ("Third", "Mine", "both")}


def test_a_form_that_says_nothing_of_its_version_overwrites_nothing(ann):
    post = make_post("post", title="First")
    values = form_values(ann.get(change(post)))
    for claim in ("", "forged", form_values(ann.get(change(make_post("other"))))["based_on"]):
        answer = ann.post(change(post), values | {"title": "Mine", "based_on": claim})
        assert differences(answer) == {"title": ("First", "Mine", "both")}
    # It comes back with the version that it shows now.
    assert ann.post(change(post), form_values(answer)).status_code == 302


def test_the_same_save_twice_is_no_conflict(ann):
    """The first answer was lost on its way, and the writer pressed Save again."""
    post = make_post("post", title="First", body="One.\nTwo.")
    values = form_values(ann.get(change(post))) | {"title": "Mine", "body": "One.\r\nTwo."}
    assert [ann.post(change(post), values).status_code for _ in range(2)] == [302, 302]


def test_a_change_outside_the_admin_is_a_conflict_too(ann):
    post = make_post("post", status="draft")
    opened = form_values(ann.get(change(post)))
    act(ann, "post", "publish", [post.pk], confirmed="yes")
    Post.objects.filter(pk=post.pk).update(category=Category.objects.create(slug="news", name="News"))
    answer = ann.post(change(post), opened | {"title": "Mine"})
    found = differences(answer)
    assert found["status"] == ("Published", "Draft", "theirs")
    assert found["category"] == ("News", "", "theirs")
    values = form_values(answer)
    assert (values["title"], values["status"]) == ("Mine", "published")


def test_tags_and_authors_are_texts_of_a_post_too(ann, bob):
    post = make_post("post")
    names = ("Ann", "Bob", "Cat")
    first, second, third = (Author.objects.create(slug=name.lower(), name=name) for name in names)
    tag = Tag.objects.create(slug="green", name="Green")
    Authorship.objects.create(post=post, author=first)
    opened = form_values(bob.get(change(post)))
    Authorship.objects.create(post=post, author=second, position=1)
    post.tags.add(tag)
    new_row = {"authorships-TOTAL_FORMS": 2, "authorships-1-author": third.pk, "authorships-1-position": 2}
    answer = bob.post(change(post), opened | new_row)
    assert differences(answer) == {
        "authorships": ("Ann\nBob, position 1", "Ann\nCat, position 2", "both"),
        "tags": ("Green", "", "theirs"),
    }
    assert bob.post(change(post), form_values(answer)).status_code == 302
    assert [by.author for by in post.authorships.all()] == [first, second, third]
    assert list(post.tags.all()) == [tag]


def test_a_row_that_i_took_away_stays_away_where_another_is_added(ann, bob):
    post = make_post("post")
    first, second = (Author.objects.create(slug=name, name=name) for name in ("ann", "bob"))
    Authorship.objects.create(post=post, author=first)
    opened = form_values(bob.get(change(post)))
    Authorship.objects.create(post=post, author=second)
    answer = bob.post(change(post), opened | {"authorships-0-DELETE": "on"})
    assert answer.status_code == 409
    assert bob.post(change(post), form_values(answer)).status_code == 302
    assert [by.author for by in post.authorships.all()] == [second]


@pytest.mark.parametrize(
    ("model", "field"), [(Tag, "name"), (Category, "description"), (Author, "bio"), (SiteConfig, "tagline")]
)
def test_terms_and_the_sites_settings_are_safe_too(ann, bob, model, field):
    row = model(title="Mine") if model is SiteConfig else model(slug="one", name="One")
    row.save()
    opened = form_values(bob.get(change(row)))
    save_form(ann, change(row), **{field: "Ann's words"})
    answer = bob.post(change(row), opened | {field: "Bob's words"})
    assert differences(answer) == {field: ("Ann's words", "Bob's words", "both")}
    assert bob.post(change(row), form_values(answer)).status_code == 302
    assert getattr(model.objects.get(), field) == "Bob's words"


def test_a_menu_that_is_wrong_comes_back_as_it_was_sent(ann, bob):
    SiteConfig(title="Mine").save()
    opened = form_values(bob.get(SITE))
    save_form(ann, SITE, **{"menu-label": ["News"], "menu-url": ["/news/"]})
    answer = bob.post(SITE, opened | {"menu-label": ["About"], "menu-url": ["nowhere"]})
    assert differences(answer) == {"menu": ("News: /news/", "About: nowhere", "both")}
    assert form_values(answer)["menu-url"] == ["nowhere"]


def test_the_only_row_is_not_added_over_the_one_that_somebody_added(ann, bob):
    add = "/admin/content/siteconfig/add/"
    opened = form_values(bob.get(add))
    save_form(ann, add, title="Ann's")
    answer = bob.post(add, opened | {"title": "Bob's"})
    assert differences(answer) == {"title": ("Ann's", "Bob's", "both")}
    assert bob.post(add, form_values(answer)).status_code == 302
    assert SiteConfig.objects.get().title == "Bob's"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["it was looked for", "it is inserted"])
def test_the_second_of_two_first_saves_at_once_is_a_conflict(ann, bob, moment):
    """Ann adds it when Bob's request has found that there is none, or is about to insert its own."""
    if moment == "it is inserted" and connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    add = "/admin/content/siteconfig/add/"
    opened, editors = form_values(bob.get(add)), [ann]
    statement = "SELECT" if moment == "it was looked for" else "INSERT"

    def add_at_that_moment(client):
        save_form(client, add, title="Ann's")
        connections.close_all()

    def add_meanwhile(execute, sql, params, many, context):
        if editors and sql.startswith(statement) and "content_siteconfig" in sql:
            found = execute(sql, params, many, context) if statement == "SELECT" else None
            with ThreadPoolExecutor(1) as thread:
                thread.submit(add_at_that_moment, editors.pop()).result()
            return found or execute(sql, params, many, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(add_meanwhile):
        answer = bob.post(add, opened | {"title": "Bob's"})
    assert differences(answer) == {"title": ("Ann's", "Bob's", "both")}
    assert SiteConfig.objects.get().title == "Ann's"


def test_the_text_of_a_deleted_post_can_be_saved_as_a_new_post(ann, bob):
    post, author = make_post("post", title="First"), Author.objects.create(slug="cat", name="Cat")
    Authorship.objects.create(post=post, author=author)
    opened = form_values(bob.get(change(post)))
    act(ann, "post", "delete_selected", [post.pk], post="yes")
    answer = bob.post(change(post), opened | {"body": "Much work"})
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "This post was deleted while you were editing it" in html
    assert "admin deleted it at" in html
    assert f'action="{ADD}"' in html
    save = bob.post(ADD, form_values(answer))
    assert save.status_code == 302
    saved = Post.objects.get()
    assert (saved.title, saved.body, list(saved.authors.all())) == ("First", "Much work", [author])


def test_an_editor_who_lost_the_permission_can_still_copy_the_text(member, ann):
    author, post = member("Authors"), make_post("post", status="draft", body="One.")
    opened = form_values(author.get(change(post)))
    act(ann, "post", "publish", [post.pk], confirmed="yes")
    answer = author.post(change(post), opened | {"body": "Much <work>"})
    assert differences(answer)["body"] == ("One.", "Much <work>", "mine")
    html = answer.content.decode()
    assert "You may not change this post any more" in html
    assert "Much &lt;work&gt;</textarea>" in html
    assert Post.objects.get().body == "One."


def test_a_form_that_was_wrong_keeps_the_version_that_it_is_based_on(ann, bob):
    post = make_post("post", title="First")
    wrong = bob.post(change(post), form_values(bob.get(change(post))) | {"title": "", "excerpt": "Bob's"})
    assert wrong.status_code == 200
    save_form(ann, change(post), excerpt="Ann's")
    answer = bob.post(change(post), form_values(wrong) | {"title": "First"})
    assert differences(answer) == {"excerpt": ("Ann's", "Bob's", "both")}


def test_a_draft_of_the_browser_comes_back_into_the_form_and_saves_nothing(ann, bob):
    post = make_post("post", title="First")
    opened = form_values(bob.get(change(post))) | {"body": "Draft", "_restore": "1", "_draft": "abc-1"}
    restored = bob.post(change(post), opened)
    assert restored.status_code == 200
    assert form_values(restored)["body"] == "Draft"
    assert 'value="abc-1" data-unsaved' in restored.content.decode()
    save_form(ann, change(post), body="Ann's")
    assert differences(bob.post(change(post), opened)) == {"body": ("Ann's", "Draft", "both")}
    new = bob.post(ADD, form_values(bob.get(ADD)) | {"title": "New", "_restore": "1"})
    assert form_values(new)["title"] == "New"
    assert Post.objects.get().body == "Ann's"


def test_a_save_names_the_draft_that_the_browser_may_drop(ann):
    post = make_post("post")
    for draft, named in (("abc-1", "abc-1"), ("a; path=/", None), ("x" * 41, None)):
        ann.cookies.pop("saved_draft", None)
        save_form(ann, change(post), title=f"Title {draft}", _draft=draft)
        cookie = ann.cookies.get("saved_draft")
        assert (cookie and cookie.value) == named


def test_a_row_of_a_list_that_nobody_touched_is_not_saved(ann, bob, picture):
    path = "/admin/content/mediafile/"

    def row(**values) -> dict[str, str]:
        return {
            "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(picture.pk), "_save": "Save",
        } | values  # fmt: skip

    MediaFile.objects.update(alt_text="Ann's")
    stale = row(**{"form-0-alt_text": "", "initial-form-0-alt_text": ""})
    assert bob.post(path, stale).status_code == 302
    assert MediaFile.objects.get().alt_text == "Ann's"
    answer = bob.post(path, stale | {"form-0-alt_text": "Bob's"})
    assert "Another editor saved “Ann&#x27;s” meanwhile" in answer.content.decode()
    assert MediaFile.objects.get().alt_text == "Ann's"
    shown = answer.context["cl"].formset.forms[0]["alt_text"]
    assert 'value="Ann&#x27;s"' in shown.as_hidden(only_initial=True)
    again = row(**{"form-0-alt_text": "Bob's", "initial-form-0-alt_text": "Ann's"})
    assert bob.post(path, again).status_code == 302
    assert MediaFile.objects.get().alt_text == "Bob's"


def test_a_new_post_carries_its_writers_byline(ann, bob):
    save_form(bob, ADD, title="One")
    assert [author.name for author in Post.objects.get(slug="one").authors.all()] == ["Bob Ray"]
    save_form(bob, ADD, title="Two")
    assert Author.objects.count() == 1
    save_form(bob, ADD, title="About", kind="page")
    assert not Post.objects.get(slug="about").authors.exists()


@pytest.mark.parametrize(
    ("user", "author", "named"),
    [
        ({"username": "ray", "first_name": "Ann", "last_name": "Ray"}, {"slug": "a", "name": "ann ray"}, "ann ray"),
        ({"username": "ann-ray"}, {"slug": "ann-ray", "name": "Ann R."}, "Ann R."),
        ({"username": "ann@example.com"}, {"slug": "other", "name": "Other"}, "ann"),
        ({"username": "x", "first_name": "…"}, {"slug": "other", "name": "Other"}, "…"),
    ],
)
def test_the_writers_author_is_found_by_name_or_made(client, user, author, named):
    Author.objects.create(**author)
    client.force_login(User.objects.create_superuser(**user))
    save_form(client, ADD, title="One")
    assert [author.name for author in Post.objects.get().authors.all()] == [named]


def test_a_chosen_author_is_the_only_author(bob):
    author = Author.objects.create(slug="cat", name="Cat")
    row = {"authorships-TOTAL_FORMS": 1, "authorships-0-author": author.pk, "authorships-0-position": 0}
    save_form(bob, ADD, title="One", **row)
    assert list(Post.objects.get().authors.all()) == [author]
    assert try_form(bob, ADD, title="").status_code == 200
