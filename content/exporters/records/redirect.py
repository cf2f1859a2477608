from content.exporters.records.record import Record


class RedirectRecord(Record, frozen=True, kw_only=True):
    old_path: str
    new_path: str
