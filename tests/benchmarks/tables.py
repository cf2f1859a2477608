"""Tables of a report: a row for each contender or phase, with numbers to the right."""

from collections.abc import Sequence

from rich.table import Table


def new_table(columns: Sequence[str]) -> Table:
    table = Table("", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    return table
