from collections.abc import Iterable, Iterator


def batches(written: Iterable[str], *, most: int, longest: int) -> Iterator[list[str]]:
    """Tags in their order, `most` at a time, of `longest` bytes with a separator between them."""
    batch: list[str] = []
    length = 0
    for tag in written:
        if batch and (len(batch) == most or length + len(tag) + 1 > longest):
            yield batch
            batch, length = [], 0
        batch.append(tag)
        length += len(tag) + 1
    if batch:
        yield batch
