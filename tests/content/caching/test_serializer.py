"""One decoder for bytes from shared stores, which raises one exception."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.errors import Unreadable
from content.caching.serializer import decode

DECODERS = [
    msgspec.msgpack.Decoder().decode,
    msgspec.msgpack.Decoder(tuple[str, ...]).decode,
    msgspec.msgpack.Decoder(dict[int, int]).decode,
    int,
    bytes.decode,
]


@pytest.mark.parametrize(
    "data",
    [
        b"\xa2\xff\xff",
        b"\x91" * 100_000,
        b"\x81" * 100_000,
        b"",
        b"\xc1",
        b"\xd7\xff" + b"\xff" * 8,
        b"\xdd\xff\xff\xff\xff",
    ],
    ids=["no UTF-8", "deep lists", "deep mappings", "empty", "no type", "no time", "4 billion items"],
)
def test_i9_a_decoder_that_fails_raises_unreadable(data):
    """Msgspec raises UnicodeDecodeError and RecursionError among others. They are no MsgspecError."""
    with pytest.raises(Unreadable):
        decode(msgspec.msgpack.decode, data)


@pytest.mark.parametrize("error", [OverflowError, MemoryError, KeyError, UnicodeDecodeError("utf-8", b"", 0, 1, "")])
def test_i9_any_error_of_a_decoder_is_unreadable(error):
    def fail(_: Any) -> None:
        raise error

    with pytest.raises(Unreadable):
        decode(fail, b"")


@given(st.sampled_from(DECODERS), st.binary() | st.none() | st.text() | st.integers())
def test_i9_garbage_is_decoded_or_unreadable(decoder, data):
    with suppress(Unreadable):
        decode(decoder, data)
