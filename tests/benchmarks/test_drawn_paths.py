"""The pages that the readers of the benchmark ask for."""

from collections import Counter

import pytest

from tests.benchmarks.site.paths import draw_paths

PATHS = ["/", *(f"/posts/{number}/" for number in range(999))]


def test_the_same_are_drawn_in_every_run():
    assert draw_paths(PATHS, 1000) == draw_paths(PATHS, 1000)


def test_the_front_page_is_asked_for_most_and_the_tenth_a_tenth_as_often():
    ranked = Counter(draw_paths(PATHS)).most_common()
    assert ranked[0][0] == "/"
    assert ranked[9][1] / ranked[0][1] == pytest.approx(1 / 10, rel=0.1)


def test_popular_posts_are_not_the_first_of_the_list():
    ranked = [path for path, _ in Counter(draw_paths(PATHS)).most_common(20)]
    assert ranked[1:] != sorted(ranked[1:], key=PATHS.index)


def test_nearly_every_page_is_asked_for_by_somebody():
    assert len(set(draw_paths(PATHS))) == len(PATHS)
