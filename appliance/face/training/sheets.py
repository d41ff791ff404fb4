"""Presenters in, contact sheets of them and of one's mouths out: `python -m appliance.face.training.sheets FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face.training.look import Pose
from appliance.face.training.paint import fill
from appliance.face.training.presenters import PRESENTERS
from appliance.face.training.rig import REST, Portrait
from appliance.face.training.view import CROP, View, Window
from appliance.face.visemes import TABLE

Pixels = NDArray[np.uint8]

MOUTHS = {
    "rest": "_", "p b m": "p", "f v": "f", "th": "θ", "t d n": "t", "l": "l", "s z": "s", "sh": "ʃ", "k g": "k",
    "r": "ɹ", "w": "w", "y": "j", "father": "ɑ", "cat": "æ", "bed": "ɛ", "see": "i", "go": "o", "too": "u",
}  # fmt: skip
"""The phonemes whose mouths differ, by how they are spelled or a word that has them."""
_CLOSE = View(256, 256, *[Window(256 / CROP[2], CROP[0], CROP[1])] * 2)
_SMALLER = 0.75


def contact_sheet(pictures: list[Pixels], columns: int) -> Pixels:
    """Lay pictures of one size side by side; what is left of the last row is black."""
    blank = np.zeros_like(pictures[0])
    rows = [pictures[at : at + columns] for at in range(0, len(pictures), columns)]
    return np.concatenate([np.concatenate([*row, *[blank] * (columns - len(row))], 1) for row in rows])


def presenters() -> Pixels:
    """All presenters at rest, (h, w, 3) BGR."""
    pictures = [Portrait(look, Pose()).draw(REST) for look in PRESENTERS.values()]
    sheet = cv2.resize(contact_sheet(pictures, 4), None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_AREA)
    return np.asarray(sheet, np.uint8)


def mouths(name: str) -> Pixels:
    """One presenter with every mouth, each with its name, (h, w, 3) BGR."""
    portrait = Portrait(PRESENTERS[name], Pose(), view=_CLOSE)
    return contact_sheet([_named(portrait.draw(TABLE[phone][0]), label) for label, phone in MOUTHS.items()], 6)


def _named(picture: Pixels, label: str) -> Pixels:
    canvas = np.ascontiguousarray(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]))
    with skia.Surface(canvas, colorType=skia.kBGRA_8888_ColorType) as surface:
        font = skia.Font(skia.Typeface("DejaVu Sans"), 17)
        surface.drawString(label, 8, _CLOSE.height - 9, font, fill((40, 34, 34)))
    return canvas[:, :, :3]


def main(arguments: list[str] | None = None) -> int:
    """Write presenters.jpg and visemes.jpg; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training.sheets", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go")
    parser.add_argument("--mouths-of", choices=PRESENTERS, default="naledi", help="who shows the mouths")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, sheet in (("presenters", presenters()), ("visemes", mouths(options.mouths_of))):
        cv2.imwrite(str(options.folder / f"{name}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return 0


if __name__ == "__main__":
    sys.exit(main())
