from content.exporters.records.record import Record
from content.exporters.records.times import Moment


class MediaRecord(Record, frozen=True, kw_only=True):
    """A media file: `name` is its place in the storage, which bodies refer to.

    `file` is where the export has its bytes, `size` how many; neither, where the storage had lost them.
    """

    name: str
    sha256: str
    alt_text: str = ""
    width: int | None = None
    height: int | None = None
    uploaded_at: Moment
    file: str = ""
    size: int = 0
