"""Page numbers and page addresses for lists: `/tags/moss/`, then `/tags/moss/?page=2`."""

from django import template

from content.documents import ListingDocument

register = template.Library()

# Pages on each side of the current one.
NEIGHBOURS = 1


@register.filter
def page_numbers(listing: ListingDocument) -> list[int | None]:
    """The first, the last, and those around the current page. None stands for a gap."""
    near = range(listing.page - NEIGHBOURS, listing.page + NEIGHBOURS + 1)
    shown = sorted({1, listing.pages, *(number for number in near if 1 <= number <= listing.pages)})
    numbers: list[int | None] = []
    for number in shown:
        previous = numbers[-1] if numbers else None
        if previous is not None and number - previous == 2:
            numbers.append(number - 1)
        elif previous is not None and number - previous > 2:
            numbers.append(None)
        numbers.append(number)
    return numbers


@register.filter
def page_url(path: str, number: int) -> str:
    """The path may have a query, as `/search/?q=moss` has."""
    return path if number == 1 else f"{path}{'&' if '?' in path else '?'}page={number}"


@register.filter
def previous_url(listing: ListingDocument, path: str) -> str:
    return page_url(path, listing.page - 1)


@register.filter
def next_url(listing: ListingDocument, path: str) -> str:
    return page_url(path, listing.page + 1)
