"""Generated posts: varied, plausible, and the same for the same seed."""

import itertools
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from content.demo.fixture import load_fixture
from content.demo.generator import GeneratedPost, Generator, Phrases
from content.rendering import render_markdown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TWO_YEARS = timedelta(days=730)
FIXTURE = load_fixture()


def generator(seed: int = 1, count: int = 200) -> Generator:
    return Generator(FIXTURE, Random(seed), NOW, count, TWO_YEARS)


@pytest.fixture(scope="module")
def posts() -> list[GeneratedPost]:
    return list(generator().posts())


def test_the_same_seed_makes_the_same_posts(posts):
    assert list(generator().posts()) == posts
    assert list(generator(seed=2).posts()) != posts


def test_a_single_post_is_published():
    assert [post.status for post in generator(count=1).posts()] == ["published"]
    assert [post.status for post in generator(count=2).posts()] == ["published", "scheduled"]


def test_a_larger_site_begins_with_the_same_posts(posts):
    larger = itertools.islice(generator(count=2000).posts(), 100)
    assert [(post.title, post.body) for post in larger] == [(post.title, post.body) for post in posts[:100]]


def test_there_are_200_posts_of_which_no_two_are_alike(posts):
    assert len(posts) == 200
    for field in ("slug", "title", "body"):
        assert len({getattr(post, field) for post in posts}) == 200


def test_every_theme_author_and_tag_is_used(posts):
    assert 6 <= len(FIXTURE.themes) <= 8
    assert len(FIXTURE.authors) == 8
    tags = generator().tag_names
    assert 20 <= len(tags) <= 30
    assert {post.theme for post in posts} == {theme.slug for theme in FIXTURE.themes}
    assert {name for post in posts for name in post.authors} == {author.name for author in FIXTURE.authors}
    assert {tag for post in posts for tag in post.tags} == set(tags)


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
    assert 60 <= sum(bool(post.picture) for post in posts) <= 140


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


def test_no_placeholder_is_left_in_the_text(posts):
    for post in posts:
        prose = "".join(post.body.split("```")[::2])
        assert not set("{}") & set(post.title + post.excerpt + prose), post.slug


def test_a_link_leads_to_a_post_that_readers_can_see(posts):
    public = {f"/posts/{post.slug}/" for post in posts if post.status == "published"}
    linked = {part.split(")")[0] for post in posts for part in post.body.split("](")[1:]}
    assert linked
    assert linked <= public


def test_phrases_repeat_only_after_all_were_used():
    phrases = Phrases({"tree": ["fir", "pine", "larch"], "line": ["the {tree}"]}, Random(3))
    written = [phrases.sentence("line") for _ in range(6)]
    assert sorted(written[:3]) == sorted(written[3:]) == ["The fir", "The larch", "The pine"]
    assert written[2] != written[3]


@pytest.fixture(scope="module")
def many() -> list[GeneratedPost]:
    return list(generator(count=3000).posts())


def test_no_two_of_many_posts_share_a_slug(many):
    assert len({post.slug for post in many}) == len({post.title for post in many}) == 3000


def test_lengths_are_those_of_real_posts(many):
    """A log-normal distribution: half of them below 700 words, a few very long."""
    words = sorted(len(post.body.split()) for post in many)
    assert 450 < words[1500] < 800
    assert words[150] > 150
    assert 1700 < words[2850] < 3500
    assert words[-1] < 5000


def test_tags_and_authors_follow_zipf(many):
    """The second is used about half as often as the first, the fourth about a quarter."""
    for counts in (
        Counter(name for post in many for name in post.authors),
        Counter(tag for post in many if post.theme == "forest" for tag in post.tags),
    ):
        used = [count for _, count in counts.most_common()]
        assert 0.4 < used[1] / used[0] < 0.8
        assert 0.15 < used[3] / used[0] < 0.45


@pytest.mark.parametrize("picture", FIXTURE.pictures, ids=lambda picture: picture.file)
def test_a_picture_is_small_and_described(picture):
    content = picture.read()
    assert len(content) < 40_000
    assert picture.alt_text
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (1280, 720))
