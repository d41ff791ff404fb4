"""What the box's voice says, whole: a text in, its sound with the times of its phonemes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.types import APIConnectOptions
from numpy.typing import NDArray

from appliance.phoneme import Phoneme, carried

Pcm16 = NDArray[np.int16]

ONCE = APIConnectOptions(max_retry=0, timeout=60.0)
"""What is measured is asked for once."""


@dataclass(frozen=True)
class Speech:
    """One text as it was spoken."""

    frames: list[rtc.AudioFrame]
    """As the voice handed them over, at least one."""

    @property
    def rate_hz(self) -> int:
        """Of the sound."""
        return self.frames[0].sample_rate

    @cached_property
    def pcm(self) -> Pcm16:
        """(n,) int16."""
        return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in self.frames])

    @cached_property
    def phonemes(self) -> list[Phoneme]:
        """With their times from the first sound on; none where the voice does not tell them."""
        return [phoneme for frame in self.frames for phoneme in carried(frame)]


async def say(voice: Any, text: str) -> Speech:
    """Have a TTS plugin say it.

    Raises:
        APIError: of LiveKit: the voice failed.
    """
    async with voice.synthesize(text, conn_options=ONCE) as stream:
        return Speech([event.frame async for event in stream])
