"""The idle loop has no seam, is never still, and blinks as people do."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from appliance.face.training.idle import pose_at

FRAMES, FPS = 200, 25


def poses() -> np.ndarray:
    rows = [astuple(pose_at(frame, FRAMES, FPS)) for frame in range(FRAMES)]
    return np.array([[*row[:7], *row[7], *row[8:]] for row in rows], float)


def test_the_last_frame_leads_into_the_first() -> None:
    loop = poses()
    inside = np.abs(np.diff(loop, axis=0)).max(0)
    seam = np.abs(loop[0] - loop[-1])
    assert (seam <= inside + 1e-9).all()


def test_the_head_is_never_still_and_never_jumps() -> None:
    loop = poses()
    steps = np.hypot(*np.diff(loop[:, :2], axis=0).T)
    assert steps.max() < 0.2
    assert (np.convolve(steps, np.ones(10), "valid") > 0.05).all()


def test_blinks_are_short_and_unevenly_spaced() -> None:
    blink = poses()[:, 6]
    closed = np.flatnonzero(blink >= 1)
    assert 2 <= len(closed) <= 4
    spaces = np.diff(np.append(closed, closed[0] + FRAMES))
    assert spaces.max() > 2 * spaces.min()
    assert (blink > 0.05).sum() <= 8 * len(closed)
