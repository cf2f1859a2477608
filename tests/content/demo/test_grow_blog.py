"""The plan of the demo blog: varied, plausible, and the same for the same seed."""

import itertools
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from content.demo import grow_blog
from content.demo.grammar import Grammar
from content.demo.pictures import draw
from content.demo.scenes import SCENES
from content.rendering import render_markdown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def blog():
    return grow_blog(Random(1), NOW)


@pytest.fixture(scope="module")
def posts(blog):
    return [post for post in blog.posts if post.kind == "post"]


def test_the_same_seed_grows_the_same_blog(blog):
    assert grow_blog(Random(1), NOW).posts == blog.posts
    assert grow_blog(Random(2), NOW).posts != blog.posts


def test_there_are_200_posts_of_which_no_two_are_alike(posts):
    assert len(posts) == 200
    for field in ("slug", "title", "body"):
        assert len({getattr(post, field) for post in posts}) == 200


def test_every_theme_person_and_tag_is_used(blog, posts):
    assert 6 <= len(blog.themes) <= 8
    assert len(blog.people) == 8
    assert 20 <= len(blog.tags) <= 30
    assert {post.theme for post in posts} == {theme.slug for theme in blog.themes}
    assert {name for post in posts for name in post.authors} == {person.name for person in blog.people}
    assert {tag for post in posts for tag in post.tags} == set(blog.tags)


def test_posts_are_spread_over_two_years_and_only_one_is_to_come(posts):
    times = sorted(post.published_at for post in posts if post.status == "published")
    assert NOW - timedelta(days=731) < times[0] < NOW - timedelta(days=720)
    assert NOW - timedelta(days=7) < times[-1] < NOW
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < timedelta(days=9)
    assert [post.published_at > NOW for post in posts if post.status == "scheduled"] == [True]


def test_some_are_drafts_some_are_long_some_have_no_excerpt_or_cover(posts):
    statuses = Counter(post.status for post in posts)
    assert statuses["draft"] >= 3
    assert sum(len(post.body.split()) > 2000 for post in posts) >= 3
    assert 3 <= sum(not post.excerpt for post in posts) <= 40
    assert 60 <= sum(post.cover is not None for post in posts) <= 140


def test_every_kind_of_block_appears(posts):
    html = "".join(render_markdown(post.body) for post in posts)
    for tag in ("<h2", "<h3", "<ul>", "<ol>", "<blockquote>", "<table>", "<pre", "footnote", 'href="/posts/'):
        assert html.count(tag) > 3, tag


def test_what_begins_a_block_of_code_ends_it(posts):
    for post in posts:
        fences = re.findall(r"^```.*", post.body, re.MULTILINE)
        assert set(fences[1::2]) <= {"```"}, post.slug
        assert len(fences) % 2 == 0, post.slug
        assert not re.search(r"^[|>-] .* \[", post.body, re.MULTILINE), post.slug


def test_nothing_of_the_grammar_is_left_in_the_text(posts):
    for post in posts:
        prose = "".join(post.body.split("```")[::2])
        assert not set("{}") & set(post.title + post.excerpt + prose), post.slug


def test_a_link_leads_to_a_post_that_readers_can_see(posts):
    public = {f"/posts/{post.slug}/" for post in posts if post.status == "published"}
    linked = {part.split(")")[0] for post in posts for part in post.body.split("](")[1:]}
    assert linked
    assert linked <= public


def test_a_grammar_repeats_itself_only_after_all_has_been_said():
    grammar = Grammar({"tree": ["fir", "pine", "larch"], "line": ["the {tree}"]}, Random(3))
    said = [grammar.sentence("line") for _ in range(6)]
    assert sorted(said[:3]) == sorted(said[3:]) == ["The fir", "The larch", "The pine"]
    assert said[2] != said[3]


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_small_and_the_same_for_the_same_seed(name):
    picture = draw(SCENES[name], Random(4), (640, 360))
    assert picture == draw(SCENES[name], Random(4), (640, 360))
    assert len(picture) < 30_000
    with Image.open(BytesIO(picture)) as image:
        assert (image.format, image.size) == ("WEBP", (640, 360))
