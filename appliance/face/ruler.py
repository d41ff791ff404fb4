"""Pictures of a face in, how far its lips are apart out: read off the pixels by a ruler fitted to this face."""

from __future__ import annotations

from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_ROWS, _COLUMNS = (0.50, 0.90), (0.29, 0.71)
"""Where the mouth is in a face's box, as shares of its side."""
_CELLS = (20, 19)
"""Columns and rows that the mouth is averaged into: small against a mouth, large against grain."""
N_WEIGHTS = 3 * _CELLS[0] * _CELLS[1]
_RIDGE = 0.02
"""Against fitting the last grain: as much as one cell in seven being off by its whole range."""


class Ruler:
    """Linear in how the mouth's cells differ from the same face at rest, so that a head that moves changes nothing."""

    def __init__(self, weights: Floats) -> None:
        """
        Args:
            weights: (N_WEIGHTS,), of 20 x 19 cells of three colours.
        """
        self.weights = weights.astype(np.float32)

    @classmethod
    def fit(cls, faces: Bytes, rests: Bytes, apertures: Floats) -> Self:
        """Learn to read from faces whose apertures are known.

        Args:
            faces, rests: (n, S, S, 3) uint8 BGR, each face and the same with its mouth at rest.
            apertures: (n,) in [0, 1], see `visemes.aperture`.
        """
        cells = _cells(faces, rests).astype(np.float64)
        kernel = cells @ cells.T
        kernel += _RIDGE * float(np.trace(kernel)) / len(kernel) * np.eye(len(kernel))
        return cls((cells.T @ np.linalg.solve(kernel, apertures)).astype(np.float32))

    def read(self, faces: Bytes, rests: Bytes) -> Floats:
        """The apertures of (n, S, S, 3) faces beside the same at rest: (n,), about 0 to 1."""
        return _cells(faces, rests) @ self.weights


def _cells(faces: Bytes, rests: Bytes) -> Floats:
    return np.stack([_averaged(face) - _averaged(rest) for face, rest in zip(faces, rests, strict=True)])


def _averaged(face: Bytes) -> Floats:
    rows, columns = ([round(edge * len(face)) for edge in edges] for edges in (_ROWS, _COLUMNS))
    mouth = face[rows[0] : rows[1], columns[0] : columns[1]].astype(np.float32) / np.float32(255)
    return np.asarray(cv2.resize(mouth, _CELLS, interpolation=cv2.INTER_AREA), np.float32).ravel()
