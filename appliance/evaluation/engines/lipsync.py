"""`appliance bench lipsync`: how well a face's lips follow what its voice says, read off the finished pictures.

Sentences that the net was not trained on are said by the box's voice and drawn by its face, as in a visit; the lips are
read off the pictures by the avatar's own ruler and held to the phonemes' times. `mel_only` keeps the phonemes from the
face, which then has to listen, as to any other voice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from livekit import rtc
from livekit.agents.types import APIConnectOptions
from numpy.typing import NDArray

from appliance.config import Config
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.errors import AvatarError, MediaError
from appliance.face import training
from appliance.face.avatar import Avatar
from appliance.face.compositor import Compositor
from appliance.face.generator import FaceGenerator
from appliance.face.visemes import aperture, departure, tracks
from appliance.personas.persona import load
from appliance.phoneme import Phoneme, carried
from appliance.providers import ProviderFactory
from appliance.stage.output import Face

Floats = NDArray[np.float32]
Pcm16 = NDArray[np.int16]
Progress = Callable[[str], None]

HELD_OUT = Path(training.__file__).with_name("held_out.txt")
"""Sentences that are in no net's training."""
CLOSED = 0.09
"""Lips this far apart or less are closed: 1.3 pixels of 192, less than a lip's edge is soft."""
_FACE_PX = 192
_SHIFTS_S = np.arange(-0.2, 0.2001, 0.002)
_LEAD_S = 0.4
"""Silence before and after a sentence."""
_AT_REST = 0.2
"""Departures up to this are a mouth at rest."""
_FAINT = 64
"""Of 255: where the mask is below, the drawn mouth has all but faded out."""
_ONCE = APIConnectOptions(max_retry=0, timeout=60.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    sentences: Sequence[str]
    """What is said."""
    mel_only: bool = False
    """Keep the phonemes from the face."""
    noise_db: float | None = None
    """Put white noise under the voice, so many decibels below it; the face hears it, the phonemes do not."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence: what the lips should do in each picture, and what they do."""

    text: str
    """What was said."""
    wanted: list[float]
    """Aperture that the phonemes ask for, a picture."""
    read: list[float]
    """Aperture read off the picture."""
    silent: list[bool]
    """Whether the phonemes ask for a mouth at rest."""
    offset_ms: float
    """By which the lips come after the phonemes; negative is early."""
    seam: list[float]
    """Where the mouth is faded into the frame: mean difference from the frame at rest, levels of luma, a picture."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    lines: list[Line] = field(default_factory=list[Line])
    """One a sentence."""

    def figures(self) -> dict[str, Any]:
        """In the words of `--json`; what cannot be measured here is None."""
        read, wanted = (
            np.array([v for line in self.lines for v in getattr(line, name)]) for name in ("read", "wanted")
        )
        silent = np.array([v for line in self.lines for v in line.silent])
        speaking = np.concatenate([_inside(line) for line in self.lines])
        closed, asked = (read < CLOSED)[speaking], (wanted < CLOSED)[speaking]
        errors = [np.diff(np.array(line.read) - np.array(line.wanted), 2) for line in self.lines]
        return {
            "abs_offset_ms": round(float(np.median([abs(line.offset_ms) for line in self.lines])), 1),
            "closure_f1": round(2 * float((closed & asked).sum()) / max(float(closed.sum() + asked.sum()), 1.0), 3),
            "closure_base_rate": round(float(asked.mean()), 3),
            "aperture_correlation": round(float(np.corrcoef(read, wanted)[0, 1]), 4),
            "silence_closed": round(float((read[silent] < CLOSED).mean()), 4),
            "flicker": round(float(np.sqrt(np.mean(np.concatenate(errors) ** 2))), 4),
            "seam": round(float(np.mean([v for line in self.lines for v in line.seam])), 2),
            "psnr_mouth": None,
            "lse_c": None,
            "lse_d": None,
            "sentences": len(self.lines),
        }


def lines_of(file: Path) -> list[str]:
    """The sentences of a text file.

    Raises:
        MediaError: it cannot be read, or has none.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{file} cannot be read as text", code="not-found", hint="name a text file") from error
    found = [line for line in lines if line]
    if not found:
        raise MediaError(f"there are no sentences in {file}", code="not-found", hint="write one a line")
    return found


async def measure(config: Config, paths: Mapping[str, Path], plan: Plan, progress: Progress) -> Samples:
    """Run the whole measurement.

    Raises:
        AgentError: a model failed; AvatarError, code no-ruler, where the avatar's lips cannot be measured.
    """
    context = Context(Engines(), paths, load(config.session.persona), SessionId("bench"))
    factory = ProviderFactory(context)
    voice, first = factory.create_tts(config.voice), factory.create_avatar(config.face)
    samples = Samples()
    try:
        progress("loading voice and face")
        await context.engines.ready()
        for number, text in enumerate(plan.sentences):
            progress(f"speaking, {number + 1} of {len(plan.sentences)}")
            spoken = await _speak(voice, text)
            face = first if number == 0 else factory.create_avatar(config.face)
            samples.lines.append(await _line(text, spoken, face, plan, config.face.fps))
    finally:
        await voice.aclose()
        await context.engines.close()
    return samples


@dataclass(frozen=True, slots=True)
class _Spoken:
    pcm: Pcm16
    rate_hz: int
    phonemes: list[Phoneme]


async def _speak(voice: Any, text: str) -> _Spoken:
    """With silence around it."""
    frames: list[rtc.AudioFrame] = []
    phonemes: list[Phoneme] = []
    async with voice.synthesize(text, conn_options=_ONCE) as stream:
        async for event in stream:
            frames.append(event.frame)
            phonemes += carried(event.frame)
    rate_hz = frames[0].sample_rate
    quiet = np.zeros(round(_LEAD_S * rate_hz), np.int16)
    pcm = np.concatenate([quiet, *(np.frombuffer(frame.data, np.int16) for frame in frames), quiet])
    return _Spoken(pcm, rate_hz, [phoneme.later(_LEAD_S) for phoneme in phonemes])


async def _line(text: str, spoken: _Spoken, face: Face, plan: Plan, fps: int) -> Line:
    if not isinstance(face, FaceGenerator) or face.avatar.ruler is None:
        raise AvatarError("the avatar has no ruler for its lips", code="no-ruler", hint="build its pack again")
    heard = _noisy(spoken.pcm, plan.noise_db) if plan.noise_db is not None else spoken.pcm
    face.push(0, heard, spoken.rate_hz, () if plan.mel_only else spoken.phonemes)
    face.flush(0)
    pictures: list[bytes] = []
    for index in range(-(-len(heard) * fps // spoken.rate_hz)):
        await face.wait(0, index)
        pictures.append(face.frame((0, index)))
        await asyncio.sleep(0)
    await face.aclose()
    frames = [face.life.frame(1 + index) for index in range(len(pictures))]  # a face begins on the second frame's time
    read, seam = await asyncio.to_thread(_read, face.avatar, pictures, frames)
    times_s = np.arange(len(pictures)) / fps
    mouths = tracks(spoken.phonemes, times_s)
    return Line(
        text,
        aperture(mouths).round(4).tolist(),
        read.round(4).tolist(),
        (departure(mouths) <= _AT_REST).tolist(),
        _offset_ms(read, spoken.phonemes, times_s),
        seam,
    )


def _noisy(pcm: Pcm16, below_db: float) -> Pcm16:
    loudness = float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))
    noise = np.random.default_rng(3).normal(0, loudness * 10 ** (-below_db / 20), len(pcm))
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


def _read(avatar: Avatar, pictures: Sequence[bytes], frames: Sequence[int]) -> tuple[Floats, list[float]]:
    """The apertures of pictures that were made of these frames, and how their edges differ from the frames at rest."""
    assert avatar.ruler is not None
    compositor = Compositor(avatar)
    faces = np.stack([compositor.crop(n, _FACE_PX, picture) for n, picture in zip(frames, pictures, strict=True)])
    rests = np.stack([compositor.crop(n, _FACE_PX) for n in frames])
    seams = [_seam(avatar, compositor, n, picture) for n, picture in zip(frames, pictures, strict=True)]
    return avatar.ruler.read(faces, rests), seams


def _seam(avatar: Avatar, compositor: Compositor, frame: int, picture: bytes) -> float:
    left, top, side = (int(edge) for edge in avatar.boxes[frame])
    lumas = [
        np.frombuffer(data, np.uint8)[: avatar.height * avatar.width].reshape(avatar.height, avatar.width)
        for data in (picture, compositor.idle(frame))
    ]
    now, rest = (luma[top : top + side, left : left + side].astype(np.float32) for luma in lumas)
    mask = cv2.resize(avatar.mask, (side, side))
    return round(float(np.abs(now - rest)[(mask > 0) & (mask < _FAINT)].mean()), 3)


def _offset_ms(read: Floats, phonemes: list[Phoneme], times_s: NDArray[np.float64]) -> float:
    """The shift of the phonemes' curve at which it fits best."""
    fits = [np.corrcoef(read, aperture(tracks(phonemes, times_s - shift_s)))[0, 1] for shift_s in _SHIFTS_S]
    return round(float(_SHIFTS_S[int(np.argmax(fits))]) * 1000, 1)


def _inside(line: Line) -> NDArray[np.bool_]:
    """The pictures from the first sound to the last."""
    sounding = np.flatnonzero(np.array(line.wanted) > CLOSED)
    inside = np.zeros(len(line.wanted), bool)
    if len(sounding):
        inside[sounding[0] : sounding[-1] + 1] = True
    return inside
