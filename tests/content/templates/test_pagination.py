import pytest

from content.documents import ListingDocument
from content.templatetags.pagination import page_numbers, page_url


@pytest.mark.parametrize(
    ("page", "pages", "shown"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (2, 5, [1, 2, 3, 4, 5]),
        (1, 9, [1, 2, None, 9]),
        (4, 9, [1, 2, 3, 4, 5, None, 9]),
        (5, 9, [1, None, 4, 5, 6, None, 9]),
        (9, 9, [1, None, 8, 9]),
    ],
)
def test_pages_around_the_current_one_are_named(page, pages, shown):
    assert page_numbers(ListingDocument(ids=(), page=page, pages=pages, total=0)) == shown


def test_the_first_page_has_no_number_in_its_address():
    assert page_url("/tags/fir/", 1) == "/tags/fir/"
    assert page_url("/tags/fir/", 2) == "/tags/fir/?page=2"
