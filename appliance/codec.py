"""What a visitor's client says it decodes goes in, the codec that the face is sent in comes out: the cheapest of them.

H.264 takes half the CPU time of VP8. But not every browser has it, and a picture that cannot be decoded is not shown at
all, so it is sent only to who asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

DECODES_ATTRIBUTE = "appliance.decodes"
"""The participant's attribute in which a visitor's client names video codecs that it decodes, with commas between."""

Setting = Literal["auto", "vp8", "h264"]


class VideoCodec(StrEnum):
    """What the face can be sent in."""

    VP8 = "vp8"
    H264 = "h264"


def known(decodes: str) -> str:
    """The codecs of such an attribute that the box can send, in its own words; empty where there is none."""
    names = {name.strip().lower() for name in decodes.split(",")}
    return ",".join(codec for codec in VideoCodec if codec in names)


def chosen(setting: Setting, attributes: Mapping[str, str]) -> VideoCodec:
    """The codec for a visitor with these attributes; every client decodes VP8."""
    if setting != "auto":
        return VideoCodec(setting)
    return VideoCodec.H264 if VideoCodec.H264 in known(attributes.get(DECODES_ATTRIBUTE, "")) else VideoCodec.VP8
