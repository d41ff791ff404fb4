"""Finished pictures and what was said in, SyncNet's LSE-D and LSE-C out, where the owner has its weights.

The net is opened with torch, which comes with the extra `train`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import AvatarError, MediaError
from appliance.evaluation.engines.lip_speech import Spoken
from appliance.face.avatar import Avatar
from appliance.face.resampler import Resampler


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges one avatar's pictures."""

    avatar: Avatar
    """Whose face is looked at: the box that the net draws in, which is about what a face detector finds."""
    net: Any
    """A `SyncNet`."""

    def lse(self, pictures: Sequence[bytes], frames: Sequence[int], spoken: Spoken) -> tuple[float, float] | None:
        """LSE-D and LSE-C of one utterance, without noise; None of one too short to tell.

        Args:
            pictures: I420, 25 a second.
            frames: the film's frame that each was made of.
        """
        from appliance.face.training import syncnet

        shape = (self.avatar.height * 3 // 2, self.avatar.width)
        faces: list[NDArray[Any]] = []
        for picture, frame in zip(pictures, frames, strict=True):
            planes = np.frombuffer(picture, np.uint8).reshape(shape)
            left, top, side = (int(edge) for edge in self.avatar.boxes[frame])
            shown = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)
            faces.append(syncnet.face(shown, (left, top, side)))
        resampler = Resampler(spoken.rate_hz, syncnet.RATE_HZ)
        pcm = np.concatenate([resampler.push(spoken.pcm), resampler.flush()])
        found = syncnet.measured(self.net, np.stack(faces), (np.clip(pcm, -1, 1) * 32767).astype(np.int16))
        return (round(found.distance, 3), round(found.confidence, 3)) if found else None


def of(avatar: Avatar, weights: Path, fps: int) -> Judge:
    """Open the owner's weights.

    Raises:
        AvatarError: codes not-readable, wrong-weights; wrong-rate where the face has other than 25 pictures a second.
        MediaError: code extra-missing.
    """
    try:
        from appliance.face.training import syncnet
    except ModuleNotFoundError as error:
        message = "SyncNet's weights are opened with torch, which is not installed"
        raise MediaError(message, code="extra-missing", hint="run `scripts/setup --train`") from error
    if fps != syncnet.FPS:
        message = f"SyncNet knows {syncnet.FPS} pictures a second, and the face has {fps}"
        raise AvatarError(message, code="wrong-rate", hint=f"measure with [face] fps = {syncnet.FPS}")
    return Judge(avatar, syncnet.load(weights))
