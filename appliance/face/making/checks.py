"""A photo and the faces found in it in, what is wrong with it for an avatar out: each finding in one sentence.

A refusal means that no believable face can be made of it; a warning, that it would come out better from another photo.
The limits were set on the drawn presenters and on one photo, changed in one respect at a time (tests/face/making).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making import still
from appliance.face.making.landmarks import Face
from appliance.face.making.mouth import measure

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Line = NDArray[np.float64]

_PHOTO_MIN_PX = 96
SECOND = 0.4
"""Another face so large beside the first is a second person, not somebody behind."""
_ENLARGED_MAX, _ENLARGED = 3.2, 1.9
"""How often a face may be enlarged for the box, and from where on it looks soft."""
_TURNED_MAX, _TURNED = 32.0, 14.0
"""Degrees away from the camera, to a side or up and down."""
_TILTED_MAX, _TILTED = 28.0, 12.0
"""Degrees to a shoulder."""
_DARK_MAX, _DARK, _BRIGHT_MAX = 30.0, 60.0, 236.0
"""Brightness of the skin, of 255."""
_UNEVEN = 2.0
"""One cheek so many times as bright as the other."""
_BLURRED_MAX, _BLURRED = 0.014, 0.024
"""Fine detail of the face at the box's size, as a share of its contrast."""
_SMOOTH = 0.35
"""Skin with less grain than this, in levels of 255, is drawn."""
_OPEN_MAX, _OPEN = 0.25, 0.03
"""Lips apart, as a share of the distance from eyes to chin."""
_EYE_OPEN = 0.13
"""Height of an eye beside its width."""
_COVERED_EYES, _FRAMED = 0.55, 0.20
_COVERED_MOUTH = 15.0
"""Distance of the lower face's colours from the upper face's, CIE Lab with lightness halved."""

_SKIN = (50, 280, 205, 425, 151, 9)
_CHEEKS = ((50, 101, 205), (280, 330, 425))
_UNDER_EYES = ((229, 230, 231, 223, 224), (449, 450, 451, 443, 444))
_UPPER_FACE, _LOWER_FACE = (151, 9, 168, 6, 229, 449), (4, 205, 425, 164, 18, 200)
_LIDS = ((159, 145, 33, 133), (386, 374, 362, 263))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    code: str
    """Stable, kebab-case."""
    refused: bool
    """Whether no avatar is made because of it."""
    sentence: str
    """What it is."""
    advice: str
    """What to do about it."""
    place: tuple[float, float, float, float] | None = None
    """left, top, width and height in the photo that show it, pixels; None for the whole."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What a photo was found to be."""

    findings: tuple[Finding, ...]
    """Refusals first."""
    figures: dict[str, float]
    """What was measured; empty where there is no face."""

    @classmethod
    def refused(
        cls, code: str, sentence: str, advice: str, place: tuple[float, float, float, float] | None = None
    ) -> Self:
        """That there is nothing to measure, and why."""
        return cls((Finding(code, True, sentence, advice, place),), {})

    @property
    def refusal(self) -> Finding | None:
        """The first reason for which no avatar is made."""
        return next((finding for finding in self.findings if finding.refused), None)


def examine(photo: Pixels, faces: Sequence[Face]) -> Examination:
    """Look for everything that would spoil an avatar.

    Args:
        photo: (h, w, 3) uint8 BGR.
        faces: the faces in it, the largest first.
    """
    height, width = photo.shape[:2]
    if min(height, width) < _PHOTO_MIN_PX:
        return Examination.refused(
            "photo-too-small", f"The photo has only {width} x {height} pixels.", "Take one of 500 or more a side."
        )
    if not faces:
        return Examination.refused(
            "no-face", "No face of a person was found.", "Take a photo from the front, in good light."
        )
    face = faces[0]
    if len(faces) > 1 and faces[1].box[2] > SECOND * face.box[2]:
        sentence = f"There are {len(faces)} faces."
        return Examination.refused("several-faces", sentence, "Cut the photo to one person.", faces[1].box)
    try:
        cut = still.cut(photo, face)
    except MediaError:
        return Examination.refused(
            "face-cut-off", "The photo ends too close to the face.", "Take one with more around.", face.box
        )
    return _of_face(photo, face, cut)


def _of_face(photo: Pixels, face: Face, cut: still.Still) -> Examination:
    figures = {"face_px": round(face.box[2]), "enlarged": cut.scale}
    findings: list[Finding] = []
    for check in (_size, _pose, _light, _sharpness, _mouth, _eyes, _mask):
        found, measured = check(face, cut)
        figures |= measured
        findings += found
    figures["grain"] = grain = _grain(photo, face)
    if grain < _SMOOTH and figures["detail"] > _BLURRED:
        sentence = "The skin has no grain, as if it were drawn."
        findings.append(Finding("drawing", False, sentence, "Take a photo of a person.", face.box))
    ordered = sorted(findings, key=lambda finding: not finding.refused)
    return Examination(tuple(ordered), {name: round(float(value), 3) for name, value in figures.items()})


_Result = tuple[list[Finding], dict[str, float]]


def _size(face: Face, cut: still.Still) -> _Result:
    sentence = f"The face is only {face.box[2]:.0f} pixels wide."
    advice = "Take the photo from closer, or use the original."
    if cut.scale > _ENLARGED_MAX:
        return [Finding("face-too-small", True, sentence, advice, face.box)], {}
    return [Finding("face-small", False, sentence, advice, face.box)] if cut.scale > _ENLARGED else [], {}


def _pose(face: Face, cut: still.Still) -> _Result:
    yaw, pitch, roll = angles(face.points)
    advice = "Look straight into the camera."
    findings: list[Finding] = []
    turned = max(abs(yaw), abs(pitch))
    if turned > _TURNED:
        refused = turned > _TURNED_MAX
        sentence = f"The face looks away from the camera by {turned:.0f} degrees."
        findings.append(Finding("face-turned", refused, sentence, advice, face.box))
    if abs(roll) > _TILTED:
        refused = abs(roll) > _TILTED_MAX
        sentence = f"The head is tilted by {abs(roll):.0f} degrees."
        findings.append(Finding("head-tilted", refused, sentence, "Hold the head straight.", face.box))
    return findings, {"yaw": yaw, "pitch": pitch, "roll": roll}


def angles(points: Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a face, degrees: to its left, down, to its left shoulder is positive."""
    across, down = (points[to] - points[start] for start, to in ((234, 454), (10, 152)))
    yaw = math.degrees(math.atan2(float(across[2]), math.hypot(*across[:2])))
    pitch = math.degrees(math.atan2(float(down[2]), math.hypot(*down[:2])))
    roll = math.degrees(math.atan2(float(across[1]), float(across[0])))
    return yaw, pitch, roll


def _light(face: Face, cut: still.Still) -> _Result:
    skin = float(np.median(_luma(cut, _SKIN)))
    right, left = (float(_luma(cut, points).mean()) for points in _CHEEKS)
    findings: list[Finding] = []
    if skin < _DARK:
        refused = skin < _DARK_MAX
        findings.append(Finding("too-dark", refused, "The face is too dark.", "Turn it to a window.", face.box))
    if skin > _BRIGHT_MAX:
        findings.append(Finding("too-bright", True, "The face is overexposed.", "Take it in softer light.", face.box))
    uneven = max(right, left) / max(1.0, min(right, left))
    if uneven > _UNEVEN:
        sentence = "One half of the face lies in the shadow."
        findings.append(Finding("uneven-light", False, sentence, "Turn to the light.", face.box))
    return findings, {"skin": skin, "uneven": uneven}


def _sharpness(face: Face, cut: still.Still) -> _Result:
    left, top, side = cut.box
    grey = cv2.cvtColor(cut.picture, cv2.COLOR_BGR2GRAY)[top : top + side, left : left + side].astype(np.float32)
    inner = grey[side // 6 : -side // 6, side // 5 : -side // 5]
    fine = inner - cv2.GaussianBlur(inner, (0, 0), 1.2)
    detail = float(np.percentile(np.abs(fine), 90) / max(1.0, np.ptp(np.percentile(inner, (2, 98)))))
    if detail >= _BLURRED:
        return [], {"detail": detail}
    finding = Finding("blurred", detail < _BLURRED_MAX, "The face is not sharp.", "Hold the camera still.", face.box)
    return [finding], {"detail": detail}


def _mouth(face: Face, cut: still.Still) -> _Result:
    gap = measure(cut.points).gap / still.EYES_TO_CHIN
    if gap <= _OPEN:
        return [], {"lips_apart": gap}
    sentence = "The mouth is wide open." if gap > _OPEN_MAX else "The mouth is open: at rest it will be drawn closed."
    finding = Finding("mouth-open", gap > _OPEN_MAX, sentence, "Close the lips without pressing them.", face.box)
    return [finding], {"lips_apart": gap}


def _eyes(face: Face, cut: still.Still) -> _Result:
    flat = cut.points[:, :2]
    opened = [
        float(np.linalg.norm(flat[up] - flat[low]) / np.linalg.norm(flat[one] - flat[other]))
        for up, low, one, other in _LIDS
    ]
    skin = max(1.0, float(np.median(_luma(cut, _SKIN))))
    around = max(float(np.median(_luma(cut, points))) / skin for points in _UNDER_EYES)
    findings: list[Finding] = []
    if around < _COVERED_EYES:
        sentence = "The eyes are covered by dark glasses."
        findings.append(Finding("eyes-covered", True, sentence, "Take the glasses off.", face.box))
    elif min(opened) < _EYE_OPEN:
        findings.append(Finding("eyes-closed", True, "The eyes are closed.", "Take another photo.", face.box))
    bridge = _bridge(cut)
    if bridge > _FRAMED:
        sentence = "There seem to be glasses: lids that blink will pass over their rims."
        findings.append(Finding("glasses", False, sentence, "Take them off where you can.", face.box))
    return findings, {"eyes_open": min(opened), "around_eyes": around, "bridge": bridge}


def _bridge(cut: still.Still) -> float:
    """How strong a line crosses the nose between the eyes, as a share of the skin's brightness."""
    flat = cut.points[:, :2]
    ends = np.linspace(flat[151], flat[197], 40)
    values = np.stack([_at(cut.picture, point).mean() for point in ends])
    middle = np.median(values)
    return float(middle - values[10:].min()) / max(1.0, float(middle))


def _mask(face: Face, cut: still.Still) -> _Result:
    upper, lower = (_lab(cut, points) for points in (_UPPER_FACE, _LOWER_FACE))
    away = float(np.linalg.norm(lower - np.median(upper, 0), axis=1).min())
    if away < _COVERED_MOUTH:
        return [], {"lower_face": away}
    finding = Finding("mouth-covered", True, "The mouth is covered.", "Take the mask off.", face.box)
    return [finding], {"lower_face": away}


def _grain(photo: Pixels, face: Face) -> float:
    """Mean difference between neighbours on the cheeks and the forehead, beyond what shading makes: levels of 255."""
    radius = max(3, round(face.box[2] * 0.05))
    grains: list[float] = []
    for at in _SKIN:
        x, y = (round(float(value)) for value in face.points[at, :2])
        patch = photo[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].astype(np.float32)
        if min(patch.shape[:2]) > 2:
            bent = patch[1:-1, 1:-1] * 4 - patch[:-2, 1:-1] - patch[2:, 1:-1] - patch[1:-1, :-2] - patch[1:-1, 2:]
            grains.append(float(np.abs(bent).mean()) / 4)
    return float(np.median(grains)) if grains else 0.0


def _luma(cut: still.Still, points: Sequence[int]) -> Line:
    weights = np.array([0.114, 0.587, 0.299])
    return np.stack([_at(cut.picture, cut.points[at, :2]) for at in points]) @ weights


def _lab(cut: still.Still, points: Sequence[int]) -> Line:
    """(n, 3): lightness halved, a and b."""
    colours = np.stack([_at(cut.picture, cut.points[at, :2]) for at in points]).astype(np.float32)[None] / 255
    return cv2.cvtColor(colours, cv2.COLOR_BGR2LAB)[0].astype(np.float64) * (0.5, 1, 1)


def _at(picture: Pixels, point: Floats) -> Line:
    """(3,): the mean BGR of 5 x 5 pixels."""
    x, y = (int(np.clip(round(float(at)), 2, side - 3)) for at, side in zip(point, picture.shape[1::-1], strict=True))
    return picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)
