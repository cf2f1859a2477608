"""Frames as any client reads them: with the parser of `websockets`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as ReceivedFrame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from content.ops.live.frame import Frame


def read(wire: bytes, *, deflated: bool) -> list[bytes]:
    extensions = [PerMessageDeflate(True, True, 15, 15)] if deflated else []
    client = ClientProtocol(parse_uri("ws://x/"), state=OPEN, max_size=None)
    client.extensions = extensions
    client.receive_data(wire)
    assert client.parser_exc is None
    return [bytes(event.data) for event in client.events_received() if isinstance(event, ReceivedFrame)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_frames_of_all_lengths_are_read(length):
    text = (b"warm and fresh " * (length // 15 + 1))[:length]
    assert read(Frame(text).plain, deflated=False) == [text]
    assert read(Frame(text).deflated, deflated=True) == [text]


@given(st.lists(st.text(), max_size=4))
def test_no_deflated_frame_needs_the_frames_before(texts):
    wire = b"".join(Frame(text.encode()).deflated for text in texts)
    assert read(wire, deflated=True) == [text.encode() for text in texts]
