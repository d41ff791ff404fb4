"""Which codec a visitor's face is sent in."""

from __future__ import annotations

import pytest

from appliance.codec import DECODES_ATTRIBUTE, Setting, VideoCodec, chosen, known


@pytest.mark.parametrize(
    ("setting", "decodes", "codec"),
    [
        ("auto", "vp8,h264", VideoCodec.H264),
        ("auto", "vp8", VideoCodec.VP8),
        ("auto", "", VideoCodec.VP8),
        ("auto", None, VideoCodec.VP8),
        ("vp8", "vp8,h264", VideoCodec.VP8),
        ("h264", "", VideoCodec.H264),
    ],
)
def test_h264_is_for_who_asks_for_it(setting: Setting, decodes: str | None, codec: VideoCodec) -> None:
    attributes = {} if decodes is None else {DECODES_ATTRIBUTE: decodes}
    assert chosen(setting, attributes) is codec


def test_what_the_box_cannot_send_is_passed_over() -> None:
    assert known("AV1, H264,vp9") == "h264"
    assert known("") == ""
