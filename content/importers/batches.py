"""Prepared posts into the database, a batch at a time, and what the report says of it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import DatabaseError, OperationalError, transaction

from content.importers.reading import Prepared
from content.importers.report import ImportReport
from content.importers.writing import Written, write


def write_batch(
    prepared: Sequence[Prepared], report: ImportReport, now: datetime, *, overwrite: bool = False
) -> None:
    """In one transaction. Raises OperationalError alone: then it is the database that is ill, not a post."""
    if prepared:
        with transaction.atomic():
            write_all(prepared, report, now, overwrite)


def write_all(prepared: Sequence[Prepared], report: ImportReport, now: datetime, overwrite: bool) -> None:
    """All at once; if the database refuses that, one by one, to find the one that it refuses."""
    try:
        with transaction.atomic():
            written = write(prepared, now, overwrite=overwrite)
    except OperationalError:
        raise
    except (DatabaseError, ValueError, OverflowError) as error:
        if len(prepared) == 1:
            report.fail(prepared[0].name, f"The database refused it: {error}")
            return
        for one in prepared:
            write_all([one], report, now, overwrite)
        return
    count(prepared, written, report)


def count(prepared: Sequence[Prepared], written: Written, report: ImportReport) -> None:
    report.created += len(written.created)
    report.updated += len(written.updated)
    report.redirects += len(written.redirects)
    report.warnings += written.warnings
    left_alone = {one.name for one in written.left_alone}
    for one in written.left_alone:
        report.leave_alone(one.name, one.draft.withheld)
    for one in prepared:
        if one.name in left_alone:
            continue
        report.converted += one.converted
        report.dropped += one.dropped
        if one.draft.withheld:
            report.withhold(one.name, one.draft.withheld)
        if one.draft.warning:
            report.warnings.append(f"{one.name}: {one.draft.warning}")
