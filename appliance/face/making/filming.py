"""A film of a person in, what an avatar is made of out: her own idle loop, and mouths as she makes them.

The film is gone through twice: first to follow the face, then to take out the pictures that are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making import rest, video
from appliance.face.making.checks import Examination
from appliance.face.making.idle import Pose
from appliance.face.making.landmarks import FaceFinder
from appliance.face.making.lessons import POSES, Lessons, spoken_mouths
from appliance.face.making.own_lips import Lesson, OwnLips
from appliance.face.making.pack import FPS
from appliance.face.making.person import Held, Person, Progress, Seen
from appliance.face.making.portrait import Portrait
from appliance.face.making.still import BOX, BOX_TOP, CORNERS, EYES_TO_CHIN, MOUTH, SIZE, Still, shown
from appliance.face.making.track import Track, watch
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Box = tuple[int, int, int]

_AI_LABEL = "This face was made from a film and is moved by software."
_LICENCE = "LicenseRef-film"
_SMOOTH_S = 0.12
"""Over which the box follows the face."""
_SPOKEN = 420
"""Pictures of speech that are looked at, spread over the film."""
_DRAWN = 16
"""Mouths drawn for each resting face, beside her own."""
_HELD = 6
"""One in so many of her own mouths is kept to measure by."""
_OWN_MIN = 24
"""Fewer of her own mouths are no measure."""
_STILL_POSE = Pose(0.0, 0.0, 0.0, 0.0, 0.0)
_SEED = 9


def look(path: Path, models: Path, progress: Progress) -> Seen:
    """Go through a film and examine it.

    Args:
        models: folder of the nets that read its pictures.
    Raises:
        MediaError: the file is no film of use (codes of `video`).
    """
    shape = video.shape(path)
    n_expected = round(shape.seconds * FPS) or round(video.LONGEST_S * FPS)

    def followed(share: float) -> None:
        progress(share, "following the face")

    track = watch(video.pictures(path), n_expected, FaceFinder(models), followed)
    found = track.examination
    if found.refusal is None:
        resting = rest.at_rest(track.points, video.sound(path))
        try:
            loop = rest.loop(track.points, resting)
            return Seen(track.shown, track.faces, found, lambda told: _person(path, track, loop, resting, told))
        except MediaError as error:
            sentence, advice = (f"{text[0].upper()}{text[1:]}." for text in (error.message, error.hint))
            found = Examination.refused(error.code, sentence, advice)
    return Seen(track.shown, track.faces, found, _refused)


def _refused(progress: Progress) -> Person:
    raise AssertionError("a film that was refused is not taken")


def _person(path: Path, track: Track, loop: rest.Loop, resting: NDArray[np.bool_], progress: Progress) -> Person:
    framing = _Framing(track, loop)
    taken = _Taken(track, loop, resting, framing)
    for at, picture in enumerate(video.pictures(path)):
        taken.take(at, picture)
        progress(0.6 * at / len(track.points), "taking out pictures")
    pictures = _joined(taken.loop, loop.frames)
    boxes = framing.boxes[: loop.frames]
    places = np.linspace(0, loop.frames, POSES, endpoint=False).astype(int).tolist()
    stills = [Still(pictures[at], framing.points(loop.first + at), boxes[at], framing.scale) for at in places]
    own = _own(stills, taken.spoken, progress)
    lessons = _lessons(stills, [lesson for at, lesson in enumerate(own) if at % _HELD])
    kept = [lesson for at, lesson in enumerate(own) if at % _HELD == 0]
    held = Held(
        np.array([places[lesson.pose] for lesson in kept], np.int64),
        np.stack([lesson.mouth for lesson in kept]),
        np.stack([lesson.picture for lesson in kept]),
    )
    return Person(lessons, held, pictures, loop.frames, boxes, None, _AI_LABEL, _LICENCE)


class _Framing:
    """How large the film is shown, which window of it, and where the face's box is in each picture of the loop."""

    def __init__(self, track: Track, loop: rest.Loop) -> None:
        points = track.points
        until = loop.first + loop.frames + rest.FADE
        within = points[loop.first : until]
        self.scale = float(EYES_TO_CHIN / np.median(rest.spans(within)))
        assert track.shown is not None
        height, width = (math.floor(side * self.scale) for side in track.shown.shape[:2])
        mouths = within[:, list(CORNERS), :2].mean(1) * self.scale
        corners = _smoothed(mouths) - np.array(MOUTH)
        low, high = corners.min(0), corners.max(0) + BOX
        if low.min() < 0 or high[0] > width or high[1] > height:
            hint = "leave more room around the face"
            raise MediaError("the film ends too close to the face", code="face-cut-off", hint=hint)
        self.size = min(SIZE, width) // 2 * 2, min(SIZE, height) // 2 * 2
        middle = (low + high) / 2
        left = min(max(round(middle[0] - self.size[0] / 2), 0), width - self.size[0])
        top = min(max(round(middle[1] - BOX / 2) - BOX_TOP, 0), height - self.size[1])
        self.corner = left, top
        room = np.array(self.size) - BOX
        even = np.clip(np.rint((corners - (left, top)) / 2) * 2, 0, room).astype(int)
        self.boxes: list[Box] = [(int(x), int(y), BOX) for x, y in even]
        self._points = points

    def points(self, at: int) -> Floats:
        """The face's points in one picture of the film, as it is shown: (468, 3)."""
        points = self._points[at] * np.float32(self.scale)
        points[:, :2] -= np.array(self.corner, np.float32)
        return points

    def window(self, picture: Pixels) -> Pixels:
        """A picture of the film as large as it is shown, cut to the window."""
        return shown(picture, self.scale, self.corner, self.size)


class _Taken:
    """What the second time through the film takes out of it."""

    def __init__(self, track: Track, loop: rest.Loop, resting: NDArray[np.bool_], framing: _Framing) -> None:
        self._framing = framing
        self._loop = range(loop.first, loop.first + loop.frames + rest.FADE)
        gap = rest.apart(track.points)
        open_ = np.flatnonzero(~resting & (gap > np.percentile(gap, 30)))
        chosen = open_[np.linspace(0, len(open_) - 1, min(_SPOKEN, len(open_))).astype(int)] if len(open_) else open_
        self._wanted = set(chosen.tolist())
        self.loop: list[Pixels] = []
        self.spoken: list[tuple[Pixels, Floats]] = []

    def take(self, at: int, picture: Pixels) -> None:
        if at in self._loop:
            self.loop.append(self._framing.window(picture))
        elif at in self._wanted:
            self.spoken.append((self._framing.window(picture), self._framing.points(at)))


def _smoothed(places: Floats) -> NDArray[np.float64]:
    """Follow without every tremble of the points."""
    spread = _SMOOTH_S * FPS
    reach = math.ceil(3 * spread)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    padded = np.pad(places.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    rows = [np.convolve(padded[:, axis], bell / bell.sum(), "valid") for axis in (0, 1)]
    return np.stack(rows, 1).astype(np.float64)


def _joined(taken: Sequence[Pixels], frames: int) -> list[Pixels]:
    """The loop, its beginning faded in over what comes after its end."""
    pictures = list(taken[:frames])
    for step, after in enumerate(taken[frames:]):
        share = (step + 0.5) / rest.FADE
        pictures[step] = np.asarray(cv2.addWeighted(pictures[step], share, after, 1 - share, 0), np.uint8)
    return pictures


def _own(stills: Sequence[Still], spoken: Sequence[tuple[Pixels, Floats]], progress: Progress) -> list[Lesson]:
    lips = OwnLips(stills)
    found: list[Lesson] = []
    for number, (picture, points) in enumerate(spoken):
        lesson = lips.lesson(picture, points)
        found += [lesson] if lesson is not None else []
        progress(0.6 + 0.4 * number / len(spoken), "reading her lips")
    if len(found) < _OWN_MIN:
        message = f"only {len(found)} pictures show the person speak to the camera"
        raise MediaError(message, code="no-speech", hint="film her speaking for half a minute, looking at the camera")
    return found


def _lessons(stills: Sequence[Still], own: Sequence[Lesson]) -> Lessons:
    """Her own mouths, and drawn ones for what the film does not show, such as pressed lips."""
    teeth = [lesson.tooth for lesson in own if lesson.tooth is not None]
    enamel = np.median(teeth, axis=0) if teeth else None
    portraits = [Portrait(still, np.zeros(still.picture.shape[:2], np.float32), enamel=enamel) for still in stills]
    references = np.stack([_face(still) for still in stills])
    mouths = spoken_mouths(len(stills) * _DRAWN, _SEED)
    at = [number % len(stills) for number in range(len(mouths))]
    drawn = [
        portraits[place].draw(mouth, _STILL_POSE, stills[place].box)[BOX // 2 :]
        for mouth, place in zip(mouths, at, strict=True)
    ]
    closed = np.zeros((len(stills), len(PARAMETERS)), np.float32)
    return Lessons(
        references,
        np.stack([portrait.place(_STILL_POSE) for portrait in portraits]),
        np.concatenate([np.arange(len(stills)), at, [lesson.pose for lesson in own]]).astype(np.int64),
        np.concatenate([closed, mouths, [lesson.mouth for lesson in own]]).astype(np.float32),
        np.concatenate([references[:, BOX // 2 :], drawn, [lesson.picture for lesson in own]]),
    )


def _face(still: Still) -> Pixels:
    left, top, side = still.box
    return still.picture[top : top + side, left : left + side]
