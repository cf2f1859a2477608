"""The stream of views in Redis. A record has the views that one process counted in about a second."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from django.conf import settings
from redis.exceptions import ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.errors import Unreadable
from content.caching.serializer import decode

# At one record a process and second: more than a day of twenty processes, in at most about 200 MB.
LONGEST_STREAM = 2_000_000

# In Redis's error, if the last id of the stream is the largest there is.
STREAM_IS_FULL = "exhausted the last possible ID"

PostId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
# A process counts for about a second, or for as long as Redis is down.
Views = Annotated[int, msgspec.Meta(ge=1, le=10**9)]

encode = msgspec.msgpack.encode
decoder = msgspec.msgpack.Decoder(dict[PostId, Views])

RecordId = str


def stream_name() -> str:
    return f"{settings.CACHES['default'].get('KEY_PREFIX') or 'evergreen'}:views"


async def append(client: Any, views: Mapping[int, int]) -> None:
    """Append a record. Delete a key of another type, or a stream without free ids, so that counting goes on."""
    record = {b"views": encode(dict(views))}
    try:
        await client.xadd(stream_name(), record, maxlen=LONGEST_STREAM, approximate=True)
    except ResponseError as error:
        if not is_wrong_type(error) and STREAM_IS_FULL not in str(error):
            raise
        await client.unlink(stream_name())
        await client.xadd(stream_name(), record, maxlen=LONGEST_STREAM, approximate=True)


def read_after(client: Any, last_id: RecordId, count: int) -> tuple[Counter[int], RecordId]:
    """The views of the next records, summed, and the id of the last of them."""
    views: Counter[int] = Counter()
    for record_id, fields in client.xrange(stream_name(), min=f"({last_id}", max="+", count=count):
        views.update(decode_views(fields.get(b"views", b"")))
        last_id = record_id.decode()
    return views, last_id


def decode_views(packed: bytes) -> dict[int, int]:
    """Decode a record. An unreadable one has no views, and does not block later ones."""
    try:
        return decode(decoder.decode, packed)
    except Unreadable:
        return {}


def newest_id(client: Any) -> RecordId:
    """The last id that the stream gave out; 0-0 if there is no stream. A key of another type is deleted."""
    if client.type(stream_name()) != b"stream":
        client.unlink(stream_name())
        return "0-0"
    return str(client.xinfo_stream(stream_name())["last-generated-id"].decode())


def trim(client: Any, last_id: RecordId) -> None:
    """Drop records before `last_id`. That record stays, so that the stream never looks new."""
    client.xtrim(stream_name(), minid=last_id, approximate=False)


def parse_id(record_id: RecordId) -> tuple[int, int]:
    milliseconds, _, sequence = record_id.partition("-")
    return int(milliseconds), int(sequence or 0)
