"""Whose face it is and what she allowed: a record in, the words that must be seen with her picture out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

TESTS_ONLY = "for tests, no consent"
_LINE_SHARE = 0.045
"""Height of the line of words, of the picture's."""
_PAPER, _INK = 40, 235
"""Luma of the line and of its letters."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed of her picture, in her own or her guardian's name."""

    by: str
    """Who allowed it."""
    purpose: str
    """What for."""
    given: datetime.date
    """When."""
    until: datetime.date
    """The last day on which it holds."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Take a record out of a TOML table.

        Raises:
            ValueError: a field is missing, empty, no day, or one too many; or the days are the wrong way round.
        """
        fields = [field.name for field in dataclasses.fields(cls)]
        if set(values) != set(fields):
            raise ValueError(f"it has {', '.join(sorted(values)) or 'nothing'} and not {', '.join(fields)}")
        for name in ("by", "purpose"):
            if not (isinstance(values[name], str) and values[name].strip()):
                raise ValueError(f"{name} must be in words")
        for name in ("given", "until"):
            if type(values[name]) is not datetime.date:
                raise ValueError(f"{name} must be a day like 2027-12-31, not {values[name]!r}")
        if values["until"] < values["given"]:
            raise ValueError("it would end before it was given")
        return cls(**values)


def words(consent: Consent | None, today: datetime.date) -> str:
    """What a real person's picture says of her consent; empty where it holds."""
    if consent is None:
        return TESTS_ONLY
    return f"consent ended on {consent.until}" if today > consent.until else ""


def stamp(frames: Bytes, height: int, text: str) -> None:
    """Write words across the top of I420 frames, (n, height * 3 / 2, width), in place.

    No mouth is ever drawn there: it is in the lower half of a face's box.
    """
    width = frames.shape[2]
    line = max(12, round(height * _LINE_SHARE)) // 4 * 4
    paper = np.full((line, width), _PAPER, np.uint8)
    size = line / 34
    while size > 0.1 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width - 8:
        size *= 0.9
    across = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    at = ((width - across) // 2, round(0.7 * line))
    cv2.putText(paper, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    frames[:, :line] = paper
    chroma = frames[:, height:].reshape(len(frames), 2, height // 2, width // 2)
    chroma[:, :, : line // 2] = 128
