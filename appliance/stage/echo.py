"""The avatar's own voice in the visitor's microphone: what is played and what is heard come in, the visitor goes out.

Browsers cancel echo themselves, but a kiosk's loudspeaker and microphone stand far apart, and some clients do not. It
is WebRTC's own echo canceller that is run here, on the box: it finds the delay by itself. Measured with the response of
a hall, 3 to 20 dB below the voice, 60 to 300 ms late: of windows that held nothing but echo, the voice activity
detector took 14 to 86 % for speech before, 0 to 4 % after the first two seconds.

Where there is no echo, the canceller swallows the beginning of what a visitor says while the avatar speaks: the
detector noticed three speakers 60 to 640 ms later. So what it makes is used only once it has been seen to take
something away.
"""

from __future__ import annotations

import numpy as np
from livekit import rtc

from appliance.stage.playout import Pcm16

_PIECE_S = 0.01
"""WebRTC's audio processing takes sound in pieces of 10 ms."""
_DELAY_MS = 150
"""From the box to a loudspeaker and back through a microphone, roughly: where the canceller begins to look."""
_ECHO_S = 1.0
"""So long after the last sound that was played, what is heard may still be its echo."""
_SOUNDS_S = 0.4
"""So long after it, what is heard tells whether there is an echo."""
_HEARD_DBFS = -55.0
"""Quieter is nothing."""
_TAKEN_DB = 6.0
"""What the canceller makes quieter by so much is echo, or the beginning of a visitor's words."""
_SURE_S = 0.3
"""Seconds of echo, less those in which none was heard while the avatar spoke, from which there is one."""
_QUIET_SHARE = 0.3
"""What silence counts: words have pauses, and so have their echoes."""
_MOST_S = 1.5
"""What was seen counts for so long at most. A visitor's words are swallowed for less than that and _SURE_S together."""


class EchoCanceller(rtc.FrameProcessor[rtc.AudioFrame]):
    """One visit's; on the session's loop. It costs nothing while the avatar is silent."""

    def __init__(self, rate_hz: int) -> None:
        """
        Args:
            rate_hz: of what is played.
        """
        self._rate_hz = rate_hz
        self._module = rtc.AudioProcessingModule(echo_cancellation=True)
        self._module.set_stream_delay_ms(_DELAY_MS)
        self._silent_s = _ECHO_S
        self._seen_s = 0.0
        self._enabled = True

    @property
    def enabled(self) -> bool:
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = value

    def play(self, pcm: Pcm16) -> None:
        """What is handed out to be heard next: (n,) int16, whole pieces of 10 ms, silence too."""
        self._silent_s = 0.0 if pcm.any() else self._silent_s + len(pcm) / self._rate_hz
        if self._echoes:
            for piece in _pieces(pcm, self._rate_hz):
                self._module.process_reverse_stream(piece)

    @property
    def echo(self) -> bool:
        """Whether the avatar was heard in the microphone."""
        return self._seen_s >= _SURE_S

    @property
    def _echoes(self) -> bool:
        return self._silent_s < _ECHO_S

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        """A frame of the microphone, of whole pieces of 10 ms, without the echo if there is one."""
        if not self._echoes or frame.num_channels != 1:
            return frame
        heard = np.frombuffer(frame.data, np.int16)
        pieces = _pieces(heard, frame.sample_rate)
        for piece in pieces:
            self._module.process_stream(piece)
        data = b"".join(bytes(piece.data) for piece in pieces)
        if self._silent_s < _SOUNDS_S:
            self._see(_dbfs(heard), _dbfs(np.frombuffer(data, np.int16)), frame.duration)
        return (
            rtc.AudioFrame(data, frame.sample_rate, 1, len(data) // 2, userdata=frame.userdata) if self.echo else frame
        )

    def _see(self, heard_dbfs: float, left_dbfs: float, seconds: float) -> None:
        """Count what was heard while the avatar spoke for or against an echo."""
        if heard_dbfs < _HEARD_DBFS:
            self._seen_s = max(self._seen_s - _QUIET_SHARE * seconds, -_MOST_S)
        elif heard_dbfs - left_dbfs > _TAKEN_DB:
            self._seen_s = min(self._seen_s + seconds, _MOST_S)

    def _close(self) -> None:
        self._enabled = False


def _pieces(pcm: Pcm16, rate_hz: int) -> list[rtc.AudioFrame]:
    n = int(rate_hz * _PIECE_S)
    return [
        rtc.AudioFrame(bytearray(pcm[start : start + n].tobytes()), rate_hz, 1, n)
        for start in range(0, len(pcm) - n + 1, n)
    ]


def _dbfs(pcm: Pcm16) -> float:
    return float(10 * np.log10(np.square(pcm / 32768.0).mean() + 1e-12))
