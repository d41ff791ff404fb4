"""The avatar's own voice in the visitor's microphone: what is played and what is heard come in, the visitor goes out.

Browsers cancel echo themselves, but a kiosk's loudspeaker and microphone stand far apart, and some clients do not. It
is WebRTC's own echo canceller that is run here, on the box: it finds the delay by itself. Measured with the response of
a hall, 3 to 20 dB below the voice, 60 to 300 ms late: of windows that held nothing but echo, the voice activity
detector took 14 to 86 % for speech before, 0 to 4 % after the first two seconds.

Where there is no echo, the canceller swallows the beginning of what a visitor says while the avatar speaks: the
detector noticed three speakers 60 to 640 ms later; and it was a fifth of the work on the loop of ten visits. So it runs
only once there is an echo: what was heard is what was played, through a room (`OwnVoice`). It begins with what was
played and heard last; until it has learnt the room, what is left of such an echo is not let through either.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt
from livekit import rtc

from appliance.stage.playout import Pcm16

Samples = npt.NDArray[np.float64]

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
_COMPARED_HZ = 4000
_COMPARED_S = 1.5
_ROOM_S = 0.08
"""Of a room's response; what comes later is a tenth of it in a room that dies away in half a second."""
_LATEST_S = 0.5
"""From handing out to hearing."""
_STEP_S = 0.06
_EXPLAINED = 0.6
"""Share of what is heard that what was played explains, from which it is the avatar's own voice. Measured with 0.3 to
0.8 s of speech, three rooms, 10 and 20 dB below the voice: its echo 0.62 to 0.99, visitors 0.3 in the median and 0.51
at the 95th percentile, both at once 0.23 to 0.45 and 0.5 to 0.7."""
_SURELY_EXPLAINED = 0.65
"""The same where no echo was heard so far: a visitor taken for one is not answered. Visitors had at most 0.63."""
_HARDLY_EXPLAINED = 0.45
"""Below this it is somebody else: nine visitors in ten, and no echo."""
_LOOK_S = 0.1
"""Of sound in the microphone, while the avatar speaks, after which it is looked whether that is an echo: 2 ms."""
_LIKELY = 2
"""How much more often it must look like one than not, where none was known."""
_LOOK_AGAIN_S = 0.06
"""The same, where there is one."""


class OwnVoice:
    """Whether what is heard is what was played, through a room: by the filter that makes the one of the other best."""

    def __init__(self) -> None:
        n_heard, n_played = (int(s * _COMPARED_HZ) for s in (_COMPARED_S, _COMPARED_S + _LATEST_S + _ROOM_S))
        self._heard = np.zeros(n_heard)
        self._played = np.zeros(n_played)

    def forget(self) -> None:
        """What was before is not compared."""
        self._heard[:] = self._played[:] = 0

    def play(self, pcm: Pcm16, rate_hz: int) -> None:
        """What is handed out to be heard next, (n,) int16 of whole pieces of 10 ms."""
        self._played = _shifted(self._played, pcm, rate_hz)

    def hear(self, pcm: Pcm16, rate_hz: int) -> None:
        """What the microphone has heard, as `play`."""
        self._heard = _shifted(self._heard, pcm, rate_hz)

    def explained(self) -> float:
        """The share of what was heard in the last 1.5 s that is an echo of what was played, 0 to 1."""
        energy = float(np.square(self._heard).sum())
        if _energy_dbfs(energy / len(self._heard)) < _HEARD_DBFS:
            return 0.0
        n_taps, n_delays = int(_ROOM_S * _COMPARED_HZ), int(_LATEST_S * _COMPARED_HZ)
        size = 1 << (2 * len(self._played)).bit_length()
        played = np.fft.rfft(self._played, size)
        heard = np.fft.rfft(np.pad(self._heard, (len(self._played) - len(self._heard), 0)), size)
        powers = np.fft.irfft(played * np.conj(played), size)[:n_taps]
        matches = np.fft.irfft(heard * np.conj(played), size)
        lags = np.abs(np.subtract.outer(np.arange(n_taps), np.arange(n_taps)))
        starts = range(0, n_delays, int(_STEP_S * _COMPARED_HZ))
        wanted = np.stack([matches[start : start + n_taps] for start in starts], axis=1)
        normal = powers[lags] + np.eye(n_taps) * (1e-3 * powers[0] + 1e-9)
        return float((wanted * np.linalg.solve(normal, wanted)).sum(axis=0).max() / energy)


def _shifted(past: Samples, pcm: Pcm16, rate_hz: int) -> Samples:
    """The past with new sound at its end, at the rate in which it is compared."""
    factor = rate_hz // _COMPARED_HZ
    new = pcm[: len(pcm) // factor * factor].reshape(-1, factor).mean(axis=1) / 32768.0
    return np.concatenate((past, new))[-len(past) :]


class EchoCanceller(rtc.FrameProcessor[rtc.AudioFrame]):
    """One visit's; on the session's loop. It costs nothing while the avatar is silent, and little without an echo."""

    def __init__(self, rate_hz: int) -> None:
        """
        Args:
            rate_hz: of what is played.
        """
        self._rate_hz = rate_hz
        self._own_voice = OwnVoice()
        self._canceller: _Canceller | None = None
        self._past: deque[tuple[Pcm16, int, bool]] = deque()
        self._past_s = 0.0
        self._silent_s = _ECHO_S
        self._seen_s = 0.0
        self._unplayed_s = 0.0
        self._since_looked_s = 0.0
        self._likely = 0
        self._gated = False
        self._enabled = True

    @property
    def enabled(self) -> bool:
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = value

    def play(self, pcm: Pcm16) -> None:
        """What is handed out to be heard next: (n,) int16, whole pieces of 10 ms, silence too."""
        seconds = len(pcm) / self._rate_hz
        sounds = bool(pcm.any())
        if not sounds and self._unplayed_s >= seconds:
            self._unplayed_s -= seconds
            return
        if sounds and not self.listens:
            self._own_voice.forget()
            self._past.clear()
            self._past_s = 0.0
        self._silent_s = 0.0 if sounds else self._silent_s + seconds
        if not self.listens:
            return
        self._own_voice.play(pcm, self._rate_hz)
        if self._canceller is not None:
            self._canceller.play(pcm, self._rate_hz)
        else:
            self._keep(pcm, self._rate_hz, played=True)

    def discard(self, seconds: float) -> None:
        """The last of what was handed out will not be heard: so much less silence is counted next."""
        self._unplayed_s += seconds

    def heard_itself(self) -> bool:
        """Whether what was heard last is the avatar's own voice; from then on its echo is cancelled."""
        bound = _EXPLAINED if self.echo or self._likely else _SURELY_EXPLAINED
        own = self.listens and self._own_voice.explained() >= bound
        if own:
            self._cancel()
        return own

    def heard_another(self) -> bool:
        """Whether what was heard last is certainly not the avatar's own voice."""
        return not self.listens or self._own_voice.explained() < _HARDLY_EXPLAINED

    @property
    def echo(self) -> bool:
        """Whether the avatar was heard in the microphone."""
        return self._seen_s >= _SURE_S

    @property
    def listens(self) -> bool:
        """Whether what is heard may be an echo: the avatar speaks, or has just done so."""
        return self._silent_s < _ECHO_S

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        """A frame of the microphone, without the echo if there is one: then 10 ms later."""
        if not self.listens or frame.num_channels != 1:
            return frame
        heard = np.frombuffer(frame.data, np.int16)
        self._own_voice.hear(heard, frame.sample_rate)
        if self._canceller is None:
            self._keep(heard, frame.sample_rate, played=False)
            if self._silent_s < _SOUNDS_S and self._is_likely(heard, frame.duration):
                self._cancel()
            return frame
        left = self._canceller.hear(heard, frame.sample_rate)
        if self._silent_s < _SOUNDS_S:
            self._see(_dbfs(heard), _dbfs(left), frame.duration)
        if not self.echo:
            return frame
        if self._only_echo(frame.duration):
            left = np.zeros_like(left)
        return rtc.AudioFrame(left.tobytes(), frame.sample_rate, 1, len(left), userdata=frame.userdata)

    def _keep(self, pcm: Pcm16, rate_hz: int, *, played: bool) -> None:
        """Remember it, as long as a canceller that begins later is to learn from it."""
        self._past.append((pcm, rate_hz, played))
        self._past_s += len(pcm) / rate_hz
        while self._past_s > 2 * _COMPARED_S:
            first, rate_hz, _ = self._past.popleft()
            self._past_s -= len(first) / rate_hz

    def _cancel(self) -> None:
        """There is an echo: the canceller begins with what was played and heard last."""
        self._seen_s, self._likely = _MOST_S, 0
        if self._canceller is not None:
            return
        self._canceller = _Canceller()
        for pcm, rate_hz, played in self._past:
            if played:
                self._canceller.play(pcm, rate_hz)
            else:
                self._canceller.hear(pcm, rate_hz)
        self._past.clear()
        self._past_s = 0.0

    def _is_likely(self, heard: Pcm16, seconds: float) -> bool:
        """Whether what is heard was found to be the avatar's own voice often enough."""
        if _dbfs(heard) < _HEARD_DBFS or not self._looks(_LOOK_S, seconds):
            return False
        own = self._own_voice.explained() >= _SURELY_EXPLAINED
        self._likely = max(self._likely + (1 if own else -1), 0)
        return self._likely >= _LIKELY

    def _only_echo(self, seconds: float) -> bool:
        """Whether nothing else is heard; looked at now and then."""
        if self._looks(_LOOK_AGAIN_S, seconds):
            self._gated = self._own_voice.explained() >= _EXPLAINED
        return self._gated

    def _looks(self, every_s: float, seconds: float) -> bool:
        self._since_looked_s += seconds
        if self._since_looked_s < every_s:
            return False
        self._since_looked_s = 0.0
        return True

    def _see(self, heard_dbfs: float, left_dbfs: float, seconds: float) -> None:
        """Count what was heard while the avatar spoke for or against an echo; without one nothing is cancelled."""
        if heard_dbfs < _HEARD_DBFS:
            self._seen_s -= _QUIET_SHARE * seconds
        elif heard_dbfs - left_dbfs > _TAKEN_DB:
            self._seen_s = min(self._seen_s + seconds, _MOST_S)
        if self._seen_s < -_MOST_S:
            self._canceller = None

    def _close(self) -> None:
        self._enabled = False


class _Canceller:
    """WebRTC's, for sound in frames of any length; what comes out is 10 ms late."""

    def __init__(self) -> None:
        self._module = rtc.AudioProcessingModule(echo_cancellation=True)
        self._module.set_stream_delay_ms(_DELAY_MS)
        self._rest = np.empty(0, np.int16)
        self._ready: Pcm16 | None = None

    def play(self, pcm: Pcm16, rate_hz: int) -> None:
        """What is played, (n,) int16 of whole pieces of 10 ms."""
        for piece in _pieces(pcm, rate_hz):
            self._module.process_reverse_stream(piece)

    def hear(self, pcm: Pcm16, rate_hz: int) -> Pcm16:
        """What is heard, (n,) int16; as much without the echo."""
        if self._ready is None:
            self._ready = np.zeros(int(rate_hz * _PIECE_S), np.int16)
        pcm = np.concatenate((self._rest, pcm))
        pieces = _pieces(pcm, rate_hz)
        for piece in pieces:
            self._module.process_stream(piece)
        taken = sum(piece.samples_per_channel for piece in pieces)
        n_samples = len(pcm) - len(self._rest)
        self._rest = pcm[taken:]
        ready = np.concatenate((self._ready, *(np.frombuffer(piece.data, np.int16) for piece in pieces)))
        self._ready = ready[n_samples:]
        return ready[:n_samples]


def _pieces(pcm: Pcm16, rate_hz: int) -> list[rtc.AudioFrame]:
    n = int(rate_hz * _PIECE_S)
    return [
        rtc.AudioFrame(bytearray(pcm[start : start + n].tobytes()), rate_hz, 1, n)
        for start in range(0, len(pcm) - n + 1, n)
    ]


def _dbfs(pcm: Pcm16) -> float:
    return _energy_dbfs(float(np.square(pcm / 32768.0).mean()))


def _energy_dbfs(mean_square: float) -> float:
    return float(10 * np.log10(mean_square + 1e-12))
