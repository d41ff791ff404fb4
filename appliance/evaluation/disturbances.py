"""What must not stop an avatar: coughs, noises, a listener's "mm-hm", and its own voice out of a loudspeaker.

Sounds come from a folder of recordings, or are made here. Names that begin with `rir` are rooms' responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from appliance.errors import MediaError
from appliance.evaluation.microphone import Recording, read
from appliance.evaluation.timeline import RATE_HZ, Pcm16

Response = npt.NDArray[np.float64]

NOISE_S = 0.8
"""Length of a noise that is cut out of a recording."""
ECHO_DELAY_S = 0.15
"""From the voice's arrival until its echo leaves through the microphone: sound card, loudspeaker, air, sound card."""
_LEVEL = 0.2
"""Peak of a noise, as loud as a voice; full scale is 1."""
_ROOM = "rir"
_TAIL_S = 0.4
"""Of a room's response; what comes later is 40 dB down or more."""
_BLOCK = RATE_HZ // 20


@dataclass(frozen=True, slots=True)
class Sounds:
    """What a visitor's microphone picks up beside speech."""

    noises: Sequence[Recording]
    """Short and sudden."""
    rooms: Sequence[Response]
    """(n,) impulse responses at RATE_HZ, of unit energy."""


def of_folder(folder: Path) -> Sounds:
    """The noises and the rooms of a folder of recordings.

    Raises:
        MediaError: one cannot be read, or there is none of a kind.
    """
    paths = _recordings(folder)
    rooms = [response(read(path).pcm) for path in paths if path.name.startswith(_ROOM)]
    noises = [burst(read(path)) for path in paths if not path.name.startswith(_ROOM)]
    if not rooms or not noises:
        raise MediaError(
            f"{folder} holds {len(noises)} noises and {len(rooms)} rooms' responses",
            code="not-found",
            hint=f"name a folder of WAV files, those of rooms beginning with {_ROOM}",
        )
    return Sounds([cough(), *noises], rooms)


def noises_of(folder: Path) -> list[Path]:
    """The recordings of a folder that are noises.

    Raises:
        MediaError: there is none.
    """
    found = [path for path in _recordings(folder) if not path.name.startswith(_ROOM)]
    if not found:
        raise MediaError(f"{folder} holds no noises", code="not-found", hint="name a folder of WAV files")
    return found


def _recordings(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in (".wav", ".flac"))


def made() -> Sounds:
    """A cough, a knock, and a room whose sound dies away in half a second."""
    rng = np.random.default_rng(11)
    times = np.arange(round(_TAIL_S * RATE_HZ)) / RATE_HZ
    decay = rng.normal(0, 1, len(times)) * 10 ** (-3 * times / 0.5)
    decay[0] = 8.0
    return Sounds([cough(), knock()], [_unit(decay)])


def cough() -> Recording:
    """Two bursts of breath: a sharp start that dies away within 200 ms each."""
    rng = np.random.default_rng(7)
    times = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    breath = np.convolve(rng.normal(0, 1, len(times)), np.ones(24) / 24, mode="same")
    one = breath * np.minimum(times / 0.01, 1) * np.exp(-times / 0.07)
    gap = np.zeros(round(0.15 * RATE_HZ))
    return Recording("cough", _scaled(np.concatenate((one, gap, 0.7 * one))))


def knock() -> Recording:
    """A hand on the counter."""
    times = np.arange(round(0.2 * RATE_HZ)) / RATE_HZ
    return Recording("knock", _scaled(np.sin(2 * np.pi * 160 * times) * np.exp(-times / 0.03)))


def burst(recording: Recording) -> Recording:
    """The loudest NOISE_S of a noise, as loud as a voice, with soft edges."""
    size = round(NOISE_S * RATE_HZ)
    pcm = recording.pcm.astype(np.float64)
    if len(pcm) > size:
        start = int(np.argmax(_running(pcm**2, size)))
        pcm = pcm[start : start + size]
    edge = min(RATE_HZ // 50, len(pcm) // 2)
    ramp = np.minimum(np.arange(len(pcm)) / edge, 1)
    return Recording(recording.name, _scaled(pcm * ramp * ramp[::-1]))


def response(pcm: Pcm16) -> Response:
    """A recorded impulse response from its peak on, of unit energy: an echo is as loud as its gain says."""
    start = int(np.argmax(np.abs(pcm.astype(np.int32))))
    return _unit(pcm[start : start + round(_TAIL_S * RATE_HZ)].astype(np.float64))


class RoomEcho:
    """A loudspeaker and a microphone in a room: what the one plays comes out of the other, later and quieter."""

    def __init__(self, room: Response, gain_db: float, delay_s: float = ECHO_DELAY_S) -> None:
        """
        Args:
            room: (n,) impulse response at RATE_HZ.
            gain_db: of the echo against the voice as it was heard; below 0.
            delay_s: from hearing to the direct sound's arrival; more than one block, 50 ms.
        """
        assert delay_s * RATE_HZ > _BLOCK
        self._size = 1 << (len(room) + _BLOCK - 1).bit_length()
        self._room = np.fft.rfft(room * 10 ** (gain_db / 20), self._size)
        self._tail = len(room) - 1
        self._heard = np.empty(0)
        # What will sound, from now on; its first `_complete` samples lack nothing that is heard later.
        self._coming = np.zeros(round(delay_s * RATE_HZ) + self._tail)
        self._complete = round(delay_s * RATE_HZ)
        self._begun = False

    def hear(self, pcm: Pcm16) -> None:
        """What the loudspeaker plays: (n,) int16 at RATE_HZ."""
        self._begun = True
        self._heard = np.concatenate((self._heard, pcm.astype(np.float64)))
        while len(self._heard) >= _BLOCK:
            block, self._heard = self._heard[:_BLOCK], self._heard[_BLOCK:]
            wet = np.fft.irfft(np.fft.rfft(block, self._size) * self._room, self._size)[: _BLOCK + self._tail]
            self._coming = np.concatenate((self._coming, np.zeros(_BLOCK)))
            self._coming[self._complete : self._complete + len(wet)] += wet
            self._complete += _BLOCK

    def sound(self, n_samples: int) -> Pcm16:
        """The next (n_samples,) int16 at the microphone; silence where the loudspeaker has played nothing."""
        ready = min(n_samples, self._complete) if self._begun else 0
        out = np.zeros(n_samples)
        out[:ready] = self._coming[:ready]
        self._coming = self._coming[ready:]
        self._complete -= ready
        return np.clip(out, -32768, 32767).astype(np.int16)


def _running(values: Response, size: int) -> Response:
    total = np.concatenate(([0.0], np.cumsum(values)))
    return total[size:] - total[:-size]


def _scaled(signal: Response) -> Pcm16:
    return (signal / np.max(np.abs(signal)) * _LEVEL * 32767).astype(np.int16)


def _unit(signal: Response) -> Response:
    return signal / np.sqrt(np.sum(signal**2))
