"""Pictures of a speaking face in, a film out: beside it, how far its lips should be apart and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.stage.recording import FilmWriter

Bytes = NDArray[np.uint8]
Pcm16 = NDArray[np.int16]

_WIDTH = 640
"""Of the curves, pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 28, 24, 130, 84
"""Margins around the curves."""
_PAPER, _INK, _FAINT, _GRID = (255, 255, 255), (55, 41, 31), (175, 163, 156), (235, 231, 229)
_ASKED, _CLOSED, _READ, _READ_LATER = (220, 214, 209), (202, 211, 254), (235, 99, 37), (250, 206, 180)
"""BGR."""
_FONT = cv2.FONT_HERSHEY_DUPLEX
_LETTERS = 58
"""In one line of text."""
_HIGHEST = 1.05
"""Aperture at the upper edge."""


class Curves(Protocol):
    """What is drawn of one utterance."""

    @property
    def text(self) -> str:
        """What is said."""
        ...

    @property
    def wanted(self) -> list[float]:
        """Aperture that was asked for, a picture."""
        ...

    @property
    def read(self) -> list[float]:
        """Aperture that was read, a picture."""
        ...

    @property
    def offset_ms(self) -> float:
        """By which the lips are late."""
        ...


class LipFilm:
    """Writes one film of several utterances; use it as a context manager."""

    def __init__(self, path: Path, size: tuple[int, int], fps: int, closed: float) -> None:
        """
        Args:
            size: width and height of the face's pictures.
            closed: aperture up to which lips are closed.
        Raises:
            MediaError: the file cannot be written.
        """
        self._path, self._size, self._fps, self._closed = path, size, fps, closed
        self._writer: FilmWriter | None = None

    def __enter__(self) -> LipFilm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)

    def add(self, pictures: Sequence[bytes], sound: tuple[Pcm16, int], curves: Curves) -> None:
        """One utterance: I420 pictures, (n,) int16 sound and its rate, and what was measured."""
        width, height = self._size
        pcm, rate_hz = sound
        if self._writer is None:
            self._writer = FilmWriter(self._path, size=(width + _WIDTH, height), fps=self._fps, rate_hz=rate_hz)
        panel = _Panel(curves, height, self._fps, self._closed)
        edges = [index * rate_hz // self._fps for index in range(len(pictures) + 1)]
        pcm = np.pad(pcm, (0, max(0, edges[-1] - len(pcm))))
        for index, picture in enumerate(pictures):
            face = cv2.cvtColor(
                np.frombuffer(picture, np.uint8).reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420
            )
            whole = cv2.cvtColor(np.hstack([face, panel.at(index)]), cv2.COLOR_BGR2YUV_I420)
            self._writer.add(whole.tobytes(), pcm[edges[index] : edges[index + 1]])


class _Panel:
    """The curves of one utterance."""

    def __init__(self, curves: Curves, height: int, fps: int, closed: float) -> None:
        self._n, self._height = len(curves.wanted), height
        self._read = self._points(curves.read)
        self._base = np.full((height, _WIDTH, 3), _PAPER, np.uint8)
        self._write_words(curves)
        wanted = self._points(curves.wanted)
        floor = self._y(0.0)
        below = np.array([[wanted[-1][0], floor], [wanted[0][0], floor]], np.int32)
        cv2.fillPoly(self._base, [np.concatenate([wanted, below])], _ASKED, cv2.LINE_AA)
        half = (wanted[-1][0] - wanted[0][0]) / max(self._n - 1, 1) / 2
        for (x, _), value in zip(wanted, curves.wanted, strict=True):
            if value < closed:
                corner = (round(x + half), floor + 8)
                cv2.rectangle(self._base, (round(x - half), floor + 2), corner, _CLOSED, cv2.FILLED)
        for second in range(0, 2 * self._n // fps + 1):
            self._tick(second / 2, fps)
        level = self._y(closed)
        cv2.line(self._base, (_LEFT, level), (_WIDTH - _RIGHT, level), _FAINT, 1)
        cv2.putText(self._base, "closed", (_WIDTH - _RIGHT - 44, level - 5), _FONT, 0.38, _FAINT, 1, cv2.LINE_AA)
        cv2.polylines(self._base, [self._read], False, _READ_LATER, 1, cv2.LINE_AA)

    def at(self, index: int) -> Bytes:
        """While a picture is shown: (height, width, 3) BGR."""
        panel = self._base.copy()
        cv2.polylines(panel, [self._read[: index + 1]], False, _READ, 2, cv2.LINE_AA)
        x, y = (int(edge) for edge in self._read[index])
        cv2.line(panel, (x, _TOP - 8), (x, self._y(0.0) + 8), _INK, 1)
        cv2.circle(panel, (x, y), 4, _READ, cv2.FILLED, cv2.LINE_AA)
        return panel

    def _write_words(self, curves: Curves) -> None:
        words, lines = curves.text.split(), [""]
        for word in words:
            if len(lines[-1]) + len(word) >= _LETTERS:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        for number, line in enumerate(lines[:3]):
            cv2.putText(self._base, line, (_LEFT, 34 + 24 * number), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
        y = self._height - 24
        cv2.rectangle(self._base, (_LEFT, y - 11), (_LEFT + 18, y), _ASKED, cv2.FILLED)
        cv2.putText(self._base, "asked for", (_LEFT + 26, y), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
        cv2.rectangle(self._base, (_LEFT + 130, y - 11), (_LEFT + 148, y - 3), _CLOSED, cv2.FILLED)
        cv2.putText(self._base, "closed", (_LEFT + 156, y), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
        cv2.line(self._base, (_LEFT + 235, y - 5), (_LEFT + 255, y - 5), _READ, 2, cv2.LINE_AA)
        told = f"read off the picture, {curves.offset_ms:+.0f} ms"
        cv2.putText(self._base, told, (_LEFT + 263, y), _FONT, 0.42, _INK, 1, cv2.LINE_AA)

    def _tick(self, second: float, fps: int) -> None:
        x = self._x(second * fps)
        cv2.line(self._base, (x, _TOP), (x, self._y(0.0)), _GRID, 1)
        if second == int(second):
            place = (x - 8, self._y(0.0) + 28)
            cv2.putText(self._base, f"{int(second)} s", place, _FONT, 0.38, _FAINT, 1, cv2.LINE_AA)

    def _points(self, values: Sequence[float]) -> NDArray[np.int32]:
        return np.array([[self._x(index), self._y(value)] for index, value in enumerate(values)], np.int32)

    def _x(self, index: float) -> int:
        return round(_LEFT + index * (_WIDTH - _LEFT - _RIGHT) / max(self._n - 1, 1))

    def _y(self, value: float) -> int:
        floor = self._height - _BOTTOM
        return round(floor - min(max(value, -0.03), _HIGHEST) / _HIGHEST * (floor - _TOP))
