from datetime import datetime
from typing import Any

import msgspec

from content.exporters.records import SomeRecord
from content.importers.errors import BadFile


def record_from(kind: type[SomeRecord], values: Any) -> SomeRecord:
    """Raises BadFile with the name of the value that is not what it should be."""
    try:
        return msgspec.convert(values, kind, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise BadFile(f"{error}.") from error
