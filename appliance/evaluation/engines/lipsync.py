"""`appliance bench lipsync`: how well a face's lips follow what its voice says, read off the finished pictures.

Sentences that the net was not trained on are said by the box's voice and drawn by its face, as in a visit; the lips are
read off the pictures by the avatar's own ruler and held to the phonemes' times. `mel_only` keeps the phonemes from the
face, which then has to listen, as to any other voice. Voices that are strangers to it, and recordings of people, are
always listened to; when people say what is found by forced alignment with their words.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.config import Config
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.errors import AvatarError, MediaError
from appliance.evaluation.clips import Clip
from appliance.evaluation.engines import lip_speech, syncnet, teacher
from appliance.evaluation.engines.lip_film import LipFilm
from appliance.evaluation.engines.lip_speech import Noise, Spoken
from appliance.face import training
from appliance.face.avatar import Avatar
from appliance.face.compositor import Compositor
from appliance.face.generator import FaceGenerator
from appliance.face.visemes import CLOSED, aperture, departure, tracks
from appliance.personas.persona import load
from appliance.phoneme import Phoneme
from appliance.providers import ProviderFactory

Floats = NDArray[np.float32]
Pcm16 = NDArray[np.int16]
Progress = Callable[[str], None]

HELD_OUT = Path(training.__file__).with_name("held_out.txt")
"""Sentences that are in no net's training."""
_FACE_PX = 192
_SHIFTS_S = np.arange(-0.2, 0.2001, 0.002)
_AT_REST = 0.2
"""Departures up to this are a mouth at rest."""
_FAINT = 64
"""Of 255: where the mask is below, the drawn mouth has all but faded out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    sentences: Sequence[str]
    """What is said."""
    mel_only: bool = False
    """Keep the phonemes from the face."""
    noise: Noise | None = None
    """Is put under the voice; the face hears it, the phonemes do not."""
    strangers: bool = False
    """Voices that are in no training speak instead of the box, each every sentence; the face listens."""
    recordings: Sequence[Clip] = ()
    """People who speak instead of the box; the sentences are not said then, and the face listens."""
    syncnet: Path | None = None
    """SyncNet's weights, where their owner has them."""
    film: Path | None = None
    """Where a film is written that shows the face and beside it what was asked for and what was read."""


@dataclass(frozen=True, slots=True)
class Judges:
    """Who has a word on the pictures, beside the ruler."""

    drew: teacher.Teacher | None
    """Tells how unlike her drawing they are."""
    listens: syncnet.Judge | None
    """Tells how well they fit the sound."""


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
    mouth_error: list[float] = field(default_factory=list[float])
    """Mean squared difference of some pictures' mouths from the teacher's; none where there is no teacher."""
    lse: tuple[float, float] | None = None
    """LSE-D and LSE-C; None where SyncNet was not asked, or the sentence is too short for it."""
    voice: str = ""
    """Who said it, where several did."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    lines: list[Line] = field(default_factory=list[Line])
    """One a sentence."""
    not_aligned: list[str] = field(default_factory=list[str])
    """Recordings in which nobody can tell what is said when: their words are not known, or do not fit."""

    def figures(self) -> dict[str, Any]:
        """In the words of `--json`; what cannot be measured here is None."""
        voices = dict.fromkeys(line.voice for line in self.lines)
        each = {voice: Samples([line for line in self.lines if line.voice == voice]) for voice in voices if voice}
        return self._figures() | {"voices": {voice: samples._figures() for voice, samples in each.items()}}

    def _figures(self) -> dict[str, Any]:
        read, wanted = (
            np.array([v for line in self.lines for v in getattr(line, name)]) for name in ("read", "wanted")
        )
        silent = np.array([v for line in self.lines for v in line.silent])
        speaking = np.concatenate([_inside(line) for line in self.lines])
        closed, asked = (read < CLOSED)[speaking], (wanted < CLOSED)[speaking]
        unlike = [v for line in self.lines for v in line.mouth_error]
        judged = [line.lse for line in self.lines if line.lse]
        errors = [np.diff(np.array(line.read) - np.array(line.wanted), 2) for line in self.lines]
        return {
            "abs_offset_ms": round(float(np.median([abs(line.offset_ms) for line in self.lines])), 1),
            "closure_f1": round(2 * float((closed & asked).sum()) / max(float(closed.sum() + asked.sum()), 1.0), 3),
            "closure_base_rate": round(float(asked.mean()), 3),
            "aperture_correlation": round(float(np.corrcoef(read, wanted)[0, 1]), 4),
            "silence_closed": round(float((read[silent] < CLOSED).mean()), 4),
            "flicker": round(float(np.sqrt(np.mean(np.concatenate(errors) ** 2))), 4),
            "seam": round(float(np.mean([v for line in self.lines for v in line.seam])), 2),
            "psnr_mouth": round(float(10 * np.log10(255**2 / np.mean(unlike))), 1) if unlike else None,
            "lse_c": round(float(np.mean([c for _, c in judged])), 2) if judged else None,
            "lse_d": round(float(np.mean([d for d, _ in judged])), 2) if judged else None,
            "sentences": len(self.lines),
            "not_aligned": len(self.not_aligned),
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
        AgentError: a model failed; AvatarError, code no-ruler, where the avatar's lips cannot be measured, or as
            `syncnet.of` says; MediaError, code not-aligned, where no recording's words can be laid over its sound,
            extra-missing or not-installed.
    """
    context = Context(Engines(), paths, load(config.session.persona), SessionId("bench"))
    factory = ProviderFactory(context)
    voice, face = factory.create_tts(config.voice), factory.create_avatar(config.face)
    samples, fps = Samples(), config.face.fps
    mel_only = plan.mel_only or plan.strangers or bool(plan.recordings)
    try:
        progress("loading voice and face")
        await context.engines.ready()
        if not isinstance(face, FaceGenerator) or face.avatar.ruler is None:
            raise AvatarError("the avatar has no ruler for its lips", code="no-ruler", hint="build its pack again")
        size = (face.avatar.width, face.avatar.height)
        judges = Judges(
            await asyncio.to_thread(teacher.of, face.avatar),
            await asyncio.to_thread(syncnet.of, face.avatar, plan.syncnet, fps) if plan.syncnet else None,
        )
        with contextlib.ExitStack() as stack:
            film = stack.enter_context(LipFilm(plan.film, size, fps, CLOSED)) if plan.film else None
            async for spoken in _spoken(plan, voice, samples.not_aligned, progress):
                if samples.lines:
                    face = factory.create_avatar(config.face)
                assert isinstance(face, FaceGenerator)
                heard = plan.noise.under(spoken) if plan.noise else spoken.pcm
                pictures = await _drawn(face, heard, spoken, mel_only, fps)
                line = await asyncio.to_thread(_line, face, pictures, spoken, judges, fps)
                samples.lines.append(line)
                if film is not None:
                    progress(f"filming: {line.text}")
                    await asyncio.to_thread(film.add, pictures, (heard, spoken.rate_hz), line)
    finally:
        await voice.aclose()
        await context.engines.close()
    return samples


def _spoken(plan: Plan, voice: Any, not_aligned: list[str], progress: Progress) -> AsyncIterator[Spoken]:
    """What is said, by whom the plan wants to speak."""
    if plan.recordings:
        return lip_speech.by_people(plan.recordings, not_aligned, progress)
    if plan.strangers:
        return lip_speech.by_strangers(plan.sentences, progress)
    return lip_speech.by_voice(plan.sentences, voice, progress)


async def _drawn(face: FaceGenerator, heard: Pcm16, spoken: Spoken, mel_only: bool, fps: int) -> list[bytes]:
    """The pictures of one utterance, as a visit shows them."""
    face.push(0, heard, spoken.rate_hz, () if mel_only else spoken.phonemes)
    face.flush(0)
    pictures: list[bytes] = []
    for index in range(-(-len(heard) * fps // spoken.rate_hz)):
        await face.wait(0, index)
        pictures.append(face.frame((0, index)))
        await asyncio.sleep(0)
    await face.aclose()
    return pictures


def _line(face: FaceGenerator, pictures: Sequence[bytes], spoken: Spoken, judges: Judges, fps: int) -> Line:
    frames = [face.life.frame(1 + index) for index in range(len(pictures))]  # a face begins on the second frame's time
    read, seam = _read(face.avatar, pictures, frames)
    times_s = np.arange(len(pictures)) / fps
    mouths = tracks(spoken.phonemes, times_s)
    return Line(
        spoken.text,
        aperture(mouths).round(4).tolist(),
        read.round(4).tolist(),
        (departure(mouths) <= _AT_REST).tolist(),
        _offset_ms(read, spoken.phonemes, times_s),
        seam,
        judges.drew.errors(pictures, frames, mouths) if judges.drew else [],
        judges.listens.lse(pictures, frames, spoken) if judges.listens else None,
        spoken.voice,
    )


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
