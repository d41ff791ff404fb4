"""A picture in, the faces in it out: each with its box and 468 points, found by two small nets.

Source: MediaPipe's face_detection_short_range and face_landmark (Apache-2.0) with the anchors, thresholds and crops of
its graphs face_detection_short_range_cpu and face_landmark_cpu.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

DETECTOR, LANDMARKS = "face_detection_short_range.tflite", "face_landmark.tflite"
N_POINTS = 468

_SEEN, _SURE = 128, 192
"""Sides of the two nets' pictures, pixels."""
_SCORE_MIN = 0.5
_PRESENCE_MIN = 0.5
_OVERLAP_MAX = 0.3
_PARTS = (1.0, 0.6, 0.3)
"""Sizes of the parts that are searched, one after the other, as shares of the picture."""
_AROUND = 1.5
"""The second net looks at a square so many times as large as the face's box."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a picture."""

    box: tuple[float, float, float, float]
    """left, top, width and height, pixels."""
    score: float
    """How sure the detector is, 0 to 1."""
    presence: float
    """How sure the second net is that its points lie on a face, 0 to 1."""
    points: Floats
    """(468, 3): x and y in pixels of the picture; z likewise, smaller is nearer."""


class Net:
    """A tflite net with one picture in, run on one thread."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._net = Interpreter(str(path), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._net.get_output_details()]

    def run(self, picture: Floats) -> list[Floats]:
        """All outputs of an RGB picture (h, w, 3), in the net's own range."""
        self._net.set_tensor(self._input, picture[None])
        self._net.invoke()
        return [np.array(self._net.get_tensor(output), np.float32) for output in self._outputs]


class FaceFinder:
    """Finds faces and their points."""

    def __init__(self, folder: Path) -> None:
        """Open the two nets of the folder."""
        self._detector, self._landmarks = Net(folder / DETECTOR), Net(folder / LANDMARKS)
        self._anchors = _anchors()

    def find(self, picture: Pixels) -> list[Face]:
        """Every face in (h, w, 3) uint8 BGR, the largest first.

        The detector was made for faces within two metres: where the whole picture shows none, its parts are searched,
        each overlapping the next by half.
        """
        height, width = picture.shape[:2]
        for share in _PARTS:
            seen = [found for part in _parts(width, height, share) for found in self._detect(picture, part)]
            faces = [self._read(picture, found) for found in _apart(seen)]
            if sure := [face for face in faces if face.presence >= _PRESENCE_MIN]:
                return sorted(sure, key=lambda face: -face.box[2])
        return []

    def follow(self, picture: Pixels, last: Face) -> Face | None:
        """Find the face of the picture before in the next one; None where it is not there any more."""
        points, presence = self._again(picture, last.points)
        return _face(points, last.score, presence) if presence >= _PRESENCE_MIN else None

    def _detect(self, picture: Pixels, window: tuple[int, int, int, int]) -> list[tuple[float, Floats]]:
        """(score, the box's two corners and the two eyes as (4, 2) pixels) of each face seen in a part."""
        left, top, width, height = window
        part = picture[top : top + height, left : left + width]
        side = max(width, height)
        square = np.zeros((side, side, 3), np.uint8)
        dx, dy = (side - width) // 2, (side - height) // 2
        square[dy : dy + height, dx : dx + width] = part
        small = cv2.resize(square, (_SEEN, _SEEN), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        places, logits = self._detector.run(small.astype(np.float32) / np.float32(127.5) - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -50, 50)))
        found: list[tuple[float, Floats]] = []
        for at in np.flatnonzero(scores >= _SCORE_MIN):
            numbers = places[0, at].reshape(-1, 2) / np.float32(_SEEN)
            middle = numbers[0] + self._anchors[at]
            corners = np.stack([middle - numbers[1] / 2, middle + numbers[1] / 2])
            eyes = numbers[2:4] + self._anchors[at]
            shift = np.array([left - dx, top - dy], np.float32)
            found.append((float(scores[at]), np.concatenate([corners, eyes]) * side + shift))
        return found

    def _read(self, picture: Pixels, found: tuple[float, Floats]) -> Face:
        """Put the points on a face that was seen; the second look starts from the first one's points."""
        score, (low, high, right, left) = found[0], found[1]
        middle, side = (low + high) / 2, float((high - low).max()) * _AROUND
        angle = math.atan2(*(left - right)[::-1])
        points, presence = self._points(picture, middle, side, angle)
        for _ in range(2):
            points, presence = self._again(picture, points)
        return _face(points, score, presence)

    def _again(self, picture: Pixels, points: Floats) -> tuple[Floats, float]:
        """Look once more where points were found, upright and close."""
        flat = points[:, :2]
        angle = math.atan2(*(flat[263] - flat[33])[::-1])
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)
        straight = flat @ turn
        near, far = straight.min(0), straight.max(0)
        side = float((far - near).max()) * _AROUND
        return self._points(picture, turn @ ((near + far) / 2), side, angle)

    def _points(self, picture: Pixels, middle: Floats, side: float, angle: float) -> tuple[Floats, float]:
        scale = side / _SURE
        cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
        turn = np.array([[cos, -sin], [sin, cos]], np.float64)
        matrix = np.concatenate([turn, (middle - turn @ np.full(2, _SURE / 2))[:, None]], 1)
        flags = cv2.INTER_AREA if scale > 2 else cv2.INTER_LINEAR
        seen = cv2.warpAffine(picture, matrix, (_SURE, _SURE), flags=flags | cv2.WARP_INVERSE_MAP)
        places, presence = self._landmarks.run(seen[:, :, ::-1].astype(np.float32) / np.float32(255))
        raw = places.reshape(N_POINTS, 3)
        points = np.concatenate([raw[:, :2] @ turn.T + matrix[:, 2], raw[:, 2:] * scale], 1)
        return points.astype(np.float32), float(1 / (1 + np.exp(-presence.item())))


def _face(points: Floats, score: float, presence: float) -> Face:
    x, y = points[:, 0], points[:, 1]
    return Face((float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y))), score, presence, points)


def _anchors() -> Floats:
    """(896, 2): the middles that the detector's boxes are relative to, as shares of its picture."""
    rows: list[Floats] = []
    for cells, each in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        middles = (np.stack([x, y], 2).reshape(-1, 2) + 0.5) / cells
        rows.append(np.repeat(middles, each, 0).astype(np.float32))
    return np.concatenate(rows)


def _parts(width: int, height: int, share: float) -> list[tuple[int, int, int, int]]:
    """left, top, width and height of all parts of a size."""
    part_w, part_h = math.ceil(width * share), math.ceil(height * share)
    steps = math.ceil((1 - share) / (share / 2)) + 1
    lefts, tops = (np.linspace(0, room, steps).astype(int).tolist() for room in (width - part_w, height - part_h))
    return [(left, top, part_w, part_h) for left in lefts for top in tops]


def _apart(found: list[tuple[float, Floats]]) -> list[tuple[float, Floats]]:
    """The surest of those that overlap."""
    kept: list[tuple[float, Floats]] = []
    for item in sorted(found, key=lambda face: -face[0]):
        if all(_overlap(item[1], other[1]) < _OVERLAP_MAX for other in kept):
            kept.append(item)
    return kept


def _overlap(one: Floats, other: Floats) -> float:
    """The shared part of two boxes, of the smaller one."""
    shared = np.clip(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0, None).prod()
    return float(shared / max(1e-6, min((one[1] - one[0]).prod(), (other[1] - other[0]).prod())))
