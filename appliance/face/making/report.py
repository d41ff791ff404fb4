"""What a photo was found to be in, a picture that shows why and its figures as JSON out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making.checks import Examination, Finding
from appliance.face.making.landmarks import Face
from appliance.face.making.mouth import JAW, LOWER_INNER, LOWER_OUTER, UPPER_INNER, UPPER_OUTER

Pixels = NDArray[np.uint8]

PICTURE, FIGURES = "report.png", "report.json"
_HEIGHT, _PANEL = 640, 470
"""Of the picture and of the words beside it, pixels."""
_RED, _AMBER, _GREEN, _INK = (60, 60, 220), (30, 150, 230), (90, 170, 60), (50, 50, 50)


def write(
    folder: Path, photo: Pixels | None, faces: Sequence[Face], examination: Examination, more: dict[str, Any]
) -> Path:
    """Write picture and figures into the folder; the picture's path.

    Args:
        photo: (h, w, 3) uint8 BGR; None where it could not be read.
        more: what else the JSON tells.
    Raises:
        MediaError: code unwritable.
    """
    found = [
        {"code": item.code, "refused": item.refused, "sentence": item.sentence, "advice": item.advice}
        for item in examination.findings
    ]
    told = {"accepted": examination.refusal is None, "findings": found, "figures": examination.figures, **more}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FIGURES).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        (folder / PICTURE).write_bytes(cv2.imencode(".png", drawn(photo, faces, examination))[1].tobytes())
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}"
        raise MediaError(message, code="unwritable", hint="name another folder with --report") from error
    return folder / PICTURE


def drawn(photo: Pixels | None, faces: Sequence[Face], examination: Examination) -> Pixels:
    """The photo with its findings marked, and what they are beside it: BGR."""
    panel = _panel(examination)
    if photo is None:
        return panel
    scale = _HEIGHT / photo.shape[0]
    size = (max(1, min(2 * _HEIGHT, round(photo.shape[1] * scale))), _HEIGHT)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = np.asarray(cv2.resize(photo, size, interpolation=flags), np.uint8)
    stretch = np.array([size[0] / photo.shape[1], scale], np.float32)
    for face in faces:
        _mark(shown, face, stretch)
    for finding in examination.findings:
        if finding.place is not None:
            left, top, width, height = np.array(finding.place) * np.tile(stretch, 2)
            near, far = (round(left), round(top)), (round(left + width), round(top + height))
            cv2.rectangle(shown, near, far, _RED if finding.refused else _AMBER, 2, cv2.LINE_AA)
    return np.concatenate([shown, panel], 1)


def _mark(shown: Pixels, face: Face, stretch: NDArray[np.float32]) -> None:
    """The face's points, and the lips and the jaw as lines."""
    at = np.round(face.points[:, :2] * stretch * 8).astype(np.int32)
    for point in at:
        cv2.circle(shown, point.tolist(), 6, (220, 200, 90), -1, cv2.LINE_AA, 3)
    for line in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER, JAW):
        cv2.polylines(shown, [at[list(line)]], False, (220, 200, 90), 1, cv2.LINE_AA, 3)


def _panel(examination: Examination) -> Pixels:
    panel = np.full((_HEIGHT, _PANEL, 3), 248, np.uint8)
    refusal = examination.refusal
    verdict = ("no avatar can be made of it", _RED) if refusal else ("an avatar can be made of it", _GREEN)
    y = _write(panel, 34, verdict[0], verdict[1], 0.75)
    for finding in examination.findings:
        y = _findings_lines(panel, y + 14, finding)
    y = max(y + 20, _HEIGHT - 22 * (len(examination.figures) + 1) // 2)
    for number, (name, value) in enumerate(examination.figures.items()):
        x, row = 18 + number % 2 * (_PANEL // 2), y + number // 2 * 22
        _put(panel, (x, row), f"{name.replace('_', ' ')}: {value:g}", _INK, 0.45)
    return panel


def _findings_lines(panel: Pixels, y: int, finding: Finding) -> int:
    y = _write(panel, y, finding.sentence, _RED if finding.refused else _AMBER, 0.55)
    return _write(panel, y, f"{finding.advice} [{finding.code}]", _INK, 0.45)


def _write(panel: Pixels, y: int, text: str, colour: tuple[int, int, int], size: float) -> int:
    """Write words, broken into lines; where the next line goes."""
    line = ""
    for word in [*text.split(), ""]:
        longer = f"{line} {word}".strip()
        wide = cv2.getTextSize(longer, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > _PANEL - 36
        if wide or not word:
            _put(panel, (18, y), line, colour, size)
            y, longer = y + round(40 * size), word
        line = longer
    return y


def _put(panel: Pixels, at: tuple[int, int], text: str, colour: tuple[int, int, int], size: float) -> None:
    cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
